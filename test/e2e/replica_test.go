package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/serving"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
	"github.com/detour-net/detour/test/wire"
)

// replica is one `detour serve`, which may live several times.
type replica struct {
	s      *stage
	n      int
	config string
	wire   *wire.Wire

	life *serving.Life
	name string // as it owns intents, in this life
	url  string
	logs *os.File
}

// start begins a life of the replica and waits until it says where it serves.
func (r *replica) start() {
	r.s.t.Helper()
	if err := r.launch(); err != nil {
		r.s.t.Fatal(err)
	}
}

func (r *replica) launch() error {
	cmd := exec.Command(binary(r.s.t), "serve", "--config", r.config)
	cmd.Stderr = r.logs
	// A test that dies takes its children along.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if r.life, err = serving.Start(cmd); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if r.name, r.url, err = r.life.Serves(ctx); err != nil {
		return fmt.Errorf("replica %d: %w\n%s", r.n, err, r.tail())
	}
	return nil
}

// kill ends the replica with SIGKILL.
func (r *replica) kill() { r.life.Kill() }

// stop and cont are SIGSTOP and SIGCONT: the process stands still, and notices nothing of it.
func (r *replica) stop() { r.life.Signal(syscall.SIGSTOP) }
func (r *replica) cont() { r.life.Signal(syscall.SIGCONT) }

func (r *replica) alive() bool { return r.life.Alive() }

// tail is the end of its log.
func (r *replica) tail() string { return serving.Tail(r.logs.Name()) }

// as is a client of the replica in the name of a person, "" for nobody.
func (r *replica) as(person string) *client.Client {
	r.s.t.Helper()
	c := client.Config{Server: r.url, Via: "cli", UserAgent: "e2e"}
	if person != "" {
		c.TokenFile = filepath.Join(r.s.dir, "token-"+person)
	}
	cl, err := client.New(c)
	if err != nil {
		r.s.t.Fatal(err)
	}
	r.s.t.Cleanup(cl.Close)
	return cl
}

// detour runs a verb against the replica in the name of a person, once the replica knows what the test has seen.
func (r *replica) detour(person string, args ...string) answer {
	r.s.t.Helper()
	r.catchUp()
	return run(r.s.t, "", append([]string{"--server", r.url, "--token-file", filepath.Join(r.s.dir, "token-"+person)}, args...)...)
}

// catchUp waits until the replica has read as much of the ledger as the test has, for as long as it can read it.
func (r *replica) catchUp() {
	r.s.mu.Lock()
	want := uint64(len(r.s.commits))
	r.s.mu.Unlock()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(lag); time.Now().Before(deadline); <-tick.C {
		ready, err := r.ready()
		if err != nil {
			return
		}
		var position uint64
		for _, c := range ready.Checks {
			switch c.Name {
			case "bus", "ledger":
				if !c.OK {
					return
				}
				_, _ = fmt.Sscanf(c.Detail, "followed to position %d", &position)
			}
		}
		if position >= want {
			return
		}
	}
}

// lag is how long a replica may be behind before it is asked nevertheless: it may be cut off and not have noticed.
const lag = 10 * time.Second

// ready is what /readyz answers.
func (r *replica) ready() (api.Ready, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/readyz", nil)
	if err != nil {
		return api.Ready{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return api.Ready{}, err
	}
	defer resp.Body.Close()
	var ready api.Ready
	if err := json.NewDecoder(resp.Body).Decode(&ready); err != nil {
		return api.Ready{}, err
	}
	if ready.Ready != (resp.StatusCode == http.StatusOK) {
		return ready, fmt.Errorf("/readyz says ready %t with status %s", ready.Ready, resp.Status)
	}
	return ready, nil
}

// condition is one condition of /readyz.
func (r *replica) condition(name string) api.Condition {
	ready, err := r.ready()
	if err != nil {
		return api.Condition{Name: name, Detail: err.Error()}
	}
	for _, c := range ready.Checks {
		if c.Name == name {
			return c
		}
	}
	return api.Condition{Name: name, Detail: "there is no such condition"}
}

// metrics is the text of /metrics.
func (r *replica) metrics(t testing.TB) string {
	t.Helper()
	resp, err := http.Get(r.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	scan := bufio.NewScanner(resp.Body)
	for scan.Scan() {
		b.WriteString(scan.Text() + "\n")
	}
	return b.String()
}
