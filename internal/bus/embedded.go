package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// MaxPayload is the largest message, headers included, that an embedded server takes, in bytes. It leaves room above
// the largest event and the largest commit (1 MiB each), so that an oversized event can be set aside on the record
// instead of vanishing in its publisher's error.
const MaxPayload = 2 << 20

// ready bounds how long an embedded server may take to start. A stream of a million records is indexed in well under a
// second; a server killed without grace rebuilds its index and takes longer.
const ready = 60 * time.Second

// Options say how an embedded server runs.
type Options struct {
	Name string      // of the server, "detour" if empty
	Port int         // on 127.0.0.1: 0 listens nowhere and serves only this process, -1 takes a free port
	Log  *zap.Logger // the server's own messages; nil for none

	// MaxStore bounds what JetStream may keep on disk, in bytes. 0 leaves it to the server, which takes three quarters
	// of the space free at start. A full store refuses new messages and keeps the old.
	MaxStore int64
}

// Server is a NATS server with JetStream inside this process.
type Server struct {
	srv  *server.Server
	lock *os.File
}

// Embedded starts a server that keeps its data in dir, which is created if missing. It returns once clients are
// served. The error says what is wrong with dir: not writable, full, or in use by another process.
func Embedded(dir string, o Options) (*Server, error) {
	lock, err := claim(dir)
	if err != nil {
		return nil, err
	}
	srv, err := start(dir, o)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &Server{srv: srv, lock: lock}, nil
}

func start(dir string, o Options) (*server.Server, error) {
	name := o.Name
	if name == "" {
		name = "detour"
	}
	maxStore := o.MaxStore
	if maxStore == 0 {
		maxStore = -1
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: name, Host: "127.0.0.1", Port: o.Port, DontListen: o.Port == 0,
		JetStream: true, StoreDir: dir, SyncAlways: true, JetStreamMaxStore: maxStore,
		MaxPayload: MaxPayload, NoSigs: true,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded NATS in %s: %w", dir, err)
	}
	listen := &listener{log: o.Log}
	srv.SetLoggerV2(listen, false, false, false)
	srv.Start()
	for deadline := time.Now().Add(ready); !srv.ReadyForConnections(100 * time.Millisecond); {
		if listen.gaveUp() || time.Now().After(deadline) {
			break
		}
	}
	if listen.gaveUp() || !srv.JetStreamEnabled() {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, fmt.Errorf("embedded NATS in %s did not start: %s", dir, listen.lastError())
	}
	return srv, nil
}

// InProcessConn is a connection to the server that uses no socket; it makes a Server fit for Config.Server.
func (s *Server) InProcessConn() (net.Conn, error) { return s.srv.InProcessConn() }

// URL is where other processes of this machine reach the server, "" if it listens nowhere.
func (s *Server) URL() string {
	if addr := s.srv.Addr(); addr != nil {
		return "nats://" + addr.String()
	}
	return ""
}

// Shutdown stops the server, waits until everything is on disk, and gives the directory free. It returns ctx's error
// if that takes longer; the directory then stays locked until the process ends.
func (s *Server) Shutdown(ctx context.Context) error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.srv.Shutdown()
		s.srv.WaitForShutdown()
	}()
	select {
	case <-stopped:
		return s.lock.Close()
	case <-ctx.Done():
		return fmt.Errorf("stop embedded NATS: %w", ctx.Err())
	}
}

// probe is what claim writes to see that the disk takes data: a little more than one small block of a stream.
const probe = 256 << 10

// claim makes dir, locks it, and writes to it what a server would need to write first. The lock lasts until the file
// is closed or the process ends, however it ends.
func claim(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory %s cannot be made: %w; choose another in nats.embedded.dir", dir, err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "detour.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory %s is not writable: %w; give this user write access or choose another in nats.embedded.dir", dir, err)
	}
	if err := tryLock(lock); err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s is in use by another process: %w; stop that one or choose another directory in nats.embedded.dir", dir, err), lock.Close())
	}
	if err := tryWrite(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s does not take data: %w; free some space or choose another in nats.embedded.dir", dir, err), lock.Close())
	}
	return lock, nil
}

func tryWrite(dir string) error {
	f, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return err
	}
	_, werr := f.Write(make([]byte, probe))
	return errors.Join(werr, f.Sync(), f.Close(), os.Remove(f.Name()))
}
