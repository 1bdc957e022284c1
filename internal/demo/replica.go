package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/detour-net/detour/internal/serving"
)

// replica is one `detour serve` as a process of its own.
type replica struct {
	*serving.Life
	name string // as it owns intents
	url  string
}

// spawn starts the n-th replica and waits until it says where it serves.
func (s *stage) spawn(ctx context.Context, o Options, n int) error {
	if o.Executable == "" {
		return errors.New("this scenario starts replicas as processes of their own and needs the path of the binary")
	}
	logs, err := os.Create(filepath.Join(s.dir, fmt.Sprintf("replica-%d.log", n)))
	if err != nil {
		return err
	}
	s.onEnd(func() { logs.Close() })
	cmd := exec.Command(o.Executable, "serve", "--config", filepath.Join(s.dir, fmt.Sprintf("detour-%d.yaml", n)))
	cmd.Stderr = logs
	life, err := serving.Start(cmd)
	if err != nil {
		return fmt.Errorf("start replica %d: %w", n, err)
	}
	r := &replica{Life: life}
	s.cast = append(s.cast, r)
	s.onEnd(func() {
		r.Signal(os.Interrupt)
		r.Ended()
	})
	if r.name, r.url, err = r.Serves(ctx); err != nil {
		return fmt.Errorf("replica %d: %w; see %s", n, err, logs.Name())
	}
	s.say("%s runs as process %d", r.name, r.Process.Pid)
	return nil
}

// kill ends the process that owns an intent, with SIGKILL. The API of another answers from then on.
func (s *stage) kill(owner string) error {
	for _, r := range s.cast {
		if r.name != owner {
			continue
		}
		if !r.Alive() {
			return fmt.Errorf("%s is to be killed, and has ended by itself", owner)
		}
		r.Kill()
		s.say("$ kill -9 %d    # %s, which owns the step", r.Process.Pid, owner)
		for _, other := range s.cast {
			if other != r {
				s.url = other.url
				return s.call()
			}
		}
	}
	return fmt.Errorf("no replica is called %q", owner)
}
