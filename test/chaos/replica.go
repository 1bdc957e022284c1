package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/detour-net/detour/internal/serving"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
	"github.com/detour-net/detour/test/wire"
)

// replica is one `detour serve`, which lives several times. It reaches each server of the bus over a wire of its own.
type replica struct {
	s      *site
	n      int
	binary string // of the next life
	env    string // of the next life: one variable, or none
	wires  []*wire.Wire
	logs   *os.File

	mu   sync.Mutex
	life *life
}

// life is one process of a replica.
type life struct {
	*serving.Life
	shot atomic.Bool // it has been sent a SIGKILL, and may not have noticed
	name string      // as it owns intents
	url  string
}

// addReplica makes replica n, which has not begun.
func (s *site) addReplica(n int) (*replica, error) {
	r := &replica{s: s, n: n, binary: s.binary}
	var through []string
	for _, address := range s.servers.Addresses() {
		w, err := wire.New(address)
		if err != nil {
			return nil, err
		}
		s.onEnd(w.Close)
		r.wires = append(r.wires, w)
		through = append(through, w.Address())
	}
	if err := s.write(r.config(), filled{configFile, map[string]any{"Domain": domain, "N": n, "URLs": urls(through)}}); err != nil {
		return nil, err
	}
	var err error
	if r.logs, err = os.Create(s.path(fmt.Sprintf("replica-%d.log", n))); err != nil {
		return nil, err
	}
	s.onEnd(func() {
		r.kill()
		r.logs.Close()
	})
	return r, nil
}

func (r *replica) config() string { return fmt.Sprintf("detour-%d.yaml", r.n) }

// start begins a life of the replica and waits until it says where it serves.
func (r *replica) start() error {
	cmd := exec.Command(r.binary, "serve", "--config", r.s.path(r.config()))
	cmd.Stderr = r.logs
	if r.env != "" {
		cmd.Env = append(os.Environ(), r.env)
	}
	cmd.SysProcAttr = apart()
	process, err := serving.Start(cmd)
	if err != nil {
		return err
	}
	l := &life{Life: process}
	r.mu.Lock()
	r.life = l
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name, url, err := l.Serves(ctx)
	if err != nil {
		return fmt.Errorf("replica %d: %w: %s", r.n, err, r.tail())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l.name, l.url = name, url
	return nil
}

// apart has a child die with the harness, and not by what the terminal sends to it: an interrupted campaign comes to its end first.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// begin starts the replica if it does not live, or is about to die, again and again as an init system does, until it serves or ctx ends.
func (r *replica) begin(ctx context.Context) error {
	if l := r.now(); l != nil && l.shot.Load() {
		l.Ended()
	}
	for !r.alive() {
		if err := r.start(); err != nil && ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// skew kills the replica, and begins a life of it with a clock that is off.
func (r *replica) skew(binary string, off time.Duration) error {
	r.kill()
	r.binary, r.env = binary, skewName+"="+off.String()
	return r.start()
}

// right kills the replica if it does not live as the others do, and has its next life do so.
func (r *replica) right() {
	if r.env != "" {
		r.kill()
		r.binary, r.env = r.s.binary, ""
	}
}

// now is the newest life, nil before the first.
func (r *replica) now() *life {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.life
}

// named is how the replica owns intents in this life, "" while it is not known.
func (r *replica) named() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life == nil {
		return ""
	}
	return r.life.name
}

// alive reports whether the newest life has not ended.
func (r *replica) alive() bool {
	l := r.now()
	return l != nil && l.Alive()
}

// shoot sends SIGKILL and waits for nothing. It reports whether there was somebody to kill who was not about to die.
func (r *replica) shoot() bool {
	return r.alive() && r.now().shot.CompareAndSwap(false, true) && r.now().Process.Kill() == nil
}

// kill ends the replica with SIGKILL.
func (r *replica) kill() {
	if l := r.now(); l != nil {
		l.Kill()
	}
}

// signal sends a signal; to one that has gone it makes no difference.
func (r *replica) signal(sig os.Signal) {
	if l := r.now(); l != nil {
		l.Signal(sig)
	}
}

// wire sets all its ways to the bus.
func (r *replica) wire(c wire.Condition) {
	for _, w := range r.wires {
		w.Set(c)
	}
}

// tail is the end of its log.
func (r *replica) tail() string { return serving.Tail(r.logs.Name()) }

// call calls the replica's API in the name of alice.
func (r *replica) call(ctx context.Context, f func(context.Context, *client.Client) error) error {
	l := r.now()
	if l == nil || !r.alive() {
		return errors.New("the replica does not live")
	}
	cl, err := client.New(client.Config{Server: l.url, TokenFile: r.s.path(tokenFile), Via: "cli", UserAgent: "chaos"})
	if err != nil {
		return err
	}
	defer cl.Close()
	return f(ctx, cl)
}

// ready asks whether it is, and sees every router.
func (r *replica) ready(ctx context.Context) error {
	l := r.now()
	if l == nil {
		return errors.New("it was never started")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var ready api.Ready
	if err := json.NewDecoder(resp.Body).Decode(&ready); err != nil {
		return err
	}
	for _, c := range ready.Checks {
		if !c.OK {
			return fmt.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
	return r.call(ctx, func(ctx context.Context, cl *client.Client) error {
		d, err := cl.Drains(ctx)
		if err == nil && d.Seen < d.Routers {
			err = fmt.Errorf("it sees %d of %d routers", d.Seen, d.Routers)
		}
		return err
	})
}
