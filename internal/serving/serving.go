// Package serving runs `detour serve` as a process of its own, as demonstrations and tests do that want to kill it.
package serving

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Life is one process of a replica, from its start to its end. A nil Life has ended.
type Life struct {
	*exec.Cmd
	said chan string   // where it serves, in its words
	done chan struct{} // closed when it has ended
}

// Start starts a command that serves. Its standard output is read here; what it is to write elsewhere, and how it is to die, is set
// before.
func Start(cmd *exec.Cmd) (*Life, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	l := &Life{Cmd: cmd, said: make(chan string, 1), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			if text, ok := strings.CutPrefix(scan.Text(), "replica "); ok {
				select {
				case l.said <- text:
				default: // nobody asks twice
				}
			}
		}
		_ = cmd.Wait() // how it ended shows in its log
	}()
	return l, nil
}

// Serves waits until the process says where it serves, and returns the name by which it owns intents and the URL of its API. It fails
// when the process or ctx ends first. It is called once.
func (l *Life) Serves(ctx context.Context) (name, url string, err error) {
	select {
	case text := <-l.said:
		words := strings.Fields(text)
		return strings.TrimSuffix(words[0], ","), words[len(words)-1], nil
	case <-l.done:
		return "", "", fmt.Errorf("it ended before it served, with code %d", l.ProcessState.ExitCode())
	case <-ctx.Done():
		return "", "", fmt.Errorf("it does not serve: %w", ctx.Err())
	}
}

// Alive reports whether the process has not ended.
func (l *Life) Alive() bool {
	if l == nil {
		return false
	}
	select {
	case <-l.done:
		return false
	default:
		return true
	}
}

// Ended waits until the process has.
func (l *Life) Ended() {
	if l != nil {
		<-l.done
	}
}

// Kill ends the process with SIGKILL.
func (l *Life) Kill() {
	if l != nil {
		_ = l.Process.Kill() // it may have gone
		<-l.done
	}
}

// Signal sends a signal; to a process that has ended it makes no difference.
func (l *Life) Signal(sig os.Signal) {
	if l.Alive() {
		_ = l.Process.Signal(sig)
	}
}

// Tail is the end of a process's log, for whoever wants to know why it ended.
func Tail(log string) string {
	raw, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	const enough = 6000
	return string(raw[max(0, len(raw)-enough):])
}
