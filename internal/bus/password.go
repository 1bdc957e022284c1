package bus

import (
	"os"
	"strings"

	"go.uber.org/zap"
)

// password is one that may be rotated by writing its file. Only the goroutine that connects uses it.
type password struct {
	user, file string
	good       string // as it was read last
	log        *zap.Logger
}

// now is who to be for the next connection. A file that cannot be read, or is empty, leaves the password of before in force.
func (p *password) now() (user, secret string) {
	if p.file == "" {
		return p.user, p.good
	}
	raw, err := os.ReadFile(p.file)
	switch text := strings.TrimRight(string(raw), "\r\n"); {
	case err != nil:
		p.log.Warn("the password of the bus cannot be read, the one of before stays in force", zap.Error(err))
	case text == "":
		p.log.Warn("the password of the bus is empty, the one of before stays in force", zap.String("file", p.file))
	default:
		p.good = text
	}
	return p.user, p.good
}
