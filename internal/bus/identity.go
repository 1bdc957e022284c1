package bus

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/config/bounded"
)

// maxIdentity bounds the file of an identity, in bytes.
const maxIdentity = 64 << 10

// identity is how the client proves who it is, from a file that is read anew for each connection: writing the file is all it takes
// to rotate it. Once Connect has returned, only the goroutine that connects uses it.
type identity struct {
	file string // "" for what stands in no file
	good []byte // what the file held when it was usable last
	// usable says why what it holds is of no use, nil if it is.
	usable func([]byte) error
	reader bounded.Reader
	log    *zap.Logger
	bad    bounded.Trouble
}

// read reads the file for the first time.
func (i *identity) read() error {
	raw, _, err := i.reader.Read(i.file, maxIdentity)
	if err != nil {
		return err
	}
	if err := i.usable(raw); err != nil {
		return fmt.Errorf("%s: %w", i.file, err)
	}
	i.good = raw
	return nil
}

// now is what to use for the next connection: what was usable last, where the file is not.
func (i *identity) now() []byte {
	if i.file == "" {
		return i.good
	}
	i.bad.Tell(i.log, i.read(), "the file that says who we are on the bus cannot be used, what it held before stays in force",
		"the file that says who we are on the bus can be used again")
	return i.good
}

// sign answers a server's challenge with the key that is in force.
func (i *identity) sign(nonce []byte) ([]byte, error) {
	key, err := nkeys.ParseDecoratedUserNKey(i.good)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	return key.Sign(nonce)
}

// byPassword is known by a name and a password.
func byPassword(c Config, log *zap.Logger) nats.Option {
	i := &identity{file: c.PasswordFile, good: []byte(c.Password), log: log, usable: func(raw []byte) error {
		if len(line(raw)) == 0 {
			return errors.New("it is empty")
		}
		return nil
	}}
	return nats.UserInfoHandler(func() (user, password string) { return c.User, string(line(i.now())) })
}

func line(raw []byte) []byte { return bytes.TrimRight(raw, "\r\n") }

// byCredentials is known by a token that an account has signed, and the key that it names.
func byCredentials(file string, log *zap.Logger) (nats.Option, error) {
	i := &identity{file: file, log: log, usable: func(raw []byte) error {
		_, err := nkeys.ParseDecoratedJWT(raw)
		_, bad := nkeys.ParseDecoratedUserNKey(raw)
		return errors.Join(err, bad)
	}}
	if err := i.read(); err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	return nats.UserJWT(func() (string, error) { return nkeys.ParseDecoratedJWT(i.now()) }, i.sign), nil
}

// byKey is known by the public half of its key. A connection of nats.go has one for its whole life, so it is put there anew when
// another attempt to connect begins, which is when it dials.
type byKey struct {
	identity
	net.Dialer
	of atomic.Pointer[nats.Conn] // nil during the first attempt, which uses what Connect has read
}

func newByKey(file string, log *zap.Logger) (*byKey, error) {
	k := &byKey{Dialer: net.Dialer{Timeout: dialTimeout}, identity: identity{file: file, log: log, usable: func(raw []byte) error {
		_, err := public(raw)
		return err
	}}}
	if err := k.read(); err != nil {
		return nil, fmt.Errorf("nkey file %w; want the seed of a user, a line that begins with SU", err)
	}
	return k, nil
}

func (k *byKey) options() []nats.Option {
	name, _ := public(k.good) // it was usable
	return []nats.Option{nats.Nkey(name, k.sign), nats.SetCustomDialer(k)}
}

// Dial is called by the goroutine that connects, with the connection's mutex held and before it says who it is.
func (k *byKey) Dial(network, address string) (net.Conn, error) {
	if nc := k.of.Load(); nc != nil {
		nc.Opts.Nkey, _ = public(k.now()) // it was usable
	}
	return k.Dialer.Dial(network, address)
}

// public is the public half of the key whose seed stands in raw.
func public(raw []byte) (string, error) {
	key, err := nkeys.ParseDecoratedUserNKey(raw)
	if err != nil {
		return "", err
	}
	defer key.Wipe()
	return key.PublicKey()
}
