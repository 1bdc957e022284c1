package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// replica is one `detour serve` as a process of its own.
type replica struct {
	name string // as it owns intents
	url  string
	cmd  *exec.Cmd
	done chan struct{}
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
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start replica %d: %w", n, err)
	}
	r := &replica{cmd: cmd, done: make(chan struct{})}
	s.cast = append(s.cast, r)
	said := make(chan string, 1)
	go func() {
		defer close(r.done)
		scan := bufio.NewScanner(out)
		for scan.Scan() {
			if strings.HasPrefix(scan.Text(), "replica ") {
				said <- scan.Text()
			}
		}
		_ = cmd.Wait() // how it ended shows in its log
	}()
	s.onEnd(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may be gone already
		<-r.done
	})
	select {
	case text := <-said:
		fields := strings.Fields(text)
		r.name, r.url = strings.TrimSuffix(fields[1], ","), fields[len(fields)-1]
		s.say("%s runs as process %d", r.name, cmd.Process.Pid)
		return nil
	case <-r.done:
		return fmt.Errorf("replica %d ended before it was ready; see %s", n, logs.Name())
	case <-ctx.Done():
		return fmt.Errorf("wait for replica %d: %w", n, ctx.Err())
	}
}

// kill ends the process that owns an intent, with SIGKILL. The API of another answers from then on.
func (s *stage) kill(owner string) error {
	for _, r := range s.cast {
		if r.name != owner {
			continue
		}
		if err := r.cmd.Process.Kill(); err != nil {
			return fmt.Errorf("kill %s: %w", owner, err)
		}
		<-r.done
		s.say("$ kill -9 %d    # %s, which owns the step", r.cmd.Process.Pid, owner)
		for _, other := range s.cast {
			if other != r {
				s.url = other.url
				return s.call()
			}
		}
	}
	return fmt.Errorf("no replica is called %q", owner)
}
