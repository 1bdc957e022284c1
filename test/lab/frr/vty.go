package frr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// ErrDown says that a daemon does not answer: it does not run, or has hung up.
var ErrDown = errors.New("the daemon does not answer")

// CommandError is a daemon's no to a command.
type CommandError struct {
	Command string
	Code    int    // of FRR's lib/command.h: 1 warning, 2 no match, 3 ambiguous, 4 incomplete, 13 configuration failed
	Text    string // what it said, in one line
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("%q is refused with code %d: %s", e.Command, e.Code, e.Text)
}

// patience bounds a command, also where its context has more.
const patience = 5 * time.Second

// maxAnswer bounds one answer in octets: the database of a few thousand routers.
const maxAnswer = 64 << 20

// session is one connection to a daemon. The daemon keeps its place in the command tree from one command to the next.
type session struct{ conn net.Conn }

// open connects to the vty of a daemon, whose socket is DIR/DAEMON.vty, with the privileges to configure it.
func open(ctx context.Context, dir, daemon string) (*session, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", filepath.Join(dir, daemon+".vty"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDown, err)
	}
	s := &session{conn}
	if _, err := s.run(ctx, "enable"); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) close() { s.conn.Close() }

// run is one command and its answer. An error is a CommandError, or wraps ErrDown when what became of the command is not
// known.
//
// The protocol is that of vtysh (FRR, lib/vty.c): a command ends with a zero octet, and the answer with three zero octets
// and one that is the command's code.
func (s *session) run(ctx context.Context, command string) (string, error) {
	deadline := time.Now().Add(patience)
	if sooner, ok := ctx.Deadline(); ok && sooner.Before(deadline) {
		deadline = sooner
	}
	if err := s.conn.SetDeadline(deadline); err != nil {
		return "", fmt.Errorf("%w: %w", ErrDown, err)
	}
	if _, err := s.conn.Write(append([]byte(command), 0)); err != nil {
		return "", fmt.Errorf("%w: %w", ErrDown, err)
	}
	var answer []byte
	for !ended(answer) {
		if len(answer) > maxAnswer {
			return "", fmt.Errorf("%w: its answer to %q does not end", ErrDown, command)
		}
		answer = append(answer, make([]byte, 16<<10)...)
		n, err := s.conn.Read(answer[len(answer)-16<<10:])
		answer = answer[:len(answer)-16<<10+n]
		if err != nil {
			return "", fmt.Errorf("%w: %q: %w", ErrDown, command, err)
		}
	}
	text, code := string(answer[:len(answer)-4]), int(answer[len(answer)-1])
	if code != 0 {
		return "", &CommandError{command, code, strings.Join(strings.Fields(text), " ")}
	}
	return text, nil
}

// ended says whether an answer is whole. No text that a daemon prints has a zero octet.
func ended(answer []byte) bool {
	return len(answer) >= 4 && bytes.Equal(answer[len(answer)-4:len(answer)-1], []byte{0, 0, 0})
}
