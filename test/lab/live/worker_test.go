//go:build linux

package live

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/detour-net/detour/internal/serving"
	"github.com/detour-net/detour/internal/web/client"
	"github.com/detour-net/detour/test/lab/testbed"
)

// worker is one `detour serve`, which may live several times.
type worker struct {
	s      *stage
	config string
	logs   *os.File
	life   *serving.Life
	url    string
}

// policyText lets soft drains be done at once. Clocks are seconds where production has minutes; the times within which Sets
// and looks must come are not short, so that a busy machine is not mistaken for a router that does not answer. However sick
// a link is, it is drained in steps where packets could loop, so that what a drain itself loses is seen; they are three
// times as far apart as the two seconds for which FRR may compute nothing, since a busy machine makes those longer.
const policyText = `rules:
  - name: soft
    match: {kinds: [link-errors, silent-loss, link-flap], min_severity: minor}
    remediation: link-drain
    with: {style: soft, settle: 6s}
    autonomy: auto
budgets:
  in_flight: {network: 2, site: 2, device: 2, bundle: 1, site-pair: 2}
  rates: [{per: 1h, at_most: 60}]
max_age: {default: 1m}
breaker: {failed_verifications: 10, within: 1s}
verify: {worst_link_permil: 1000}
facts: {unproven: allow}
prospect: {missing: allow, worst_permil: 1000, survive_permil: 2000, new_violations: 1000, worth: 0, skip_steps_loss: 1}
clocks: {set_deadline: 5s, margin: 2s, fresh: 6s, observe_every: 200ms, verify_within: 30s, look_every: 300ms, look_for: 60s,
  undo_attempts: 20, hold: 2s, hold_max: 1h, renew_every: 1s, clear_for: 1s, probation: 3s, cool_down: 1s, override: 1s}
`

const configText = `mode: live
domain: %s
replica: {name: lab, rank: 0}
nats: {urls: [%q], sync_always: true}
listen: {http: "127.0.0.1:0"}
telemetry: {interval: 250ms}
inventory: %s
topology: %s
policy: policy.yaml
auth: {tokens: "file:tokens.yaml"}
`

func (s *stage) newWorker() *worker {
	s.t.Helper()
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		s.t.Fatal(err)
	}
	s.write("token", hex.EncodeToString(secret))
	s.write("tokens.yaml", "tokens:\n  - {name: alice, roles: [operator, approver, admin], token: \"file:token\"}\n")
	s.write("policy.yaml", policyText)
	w := &worker{s: s, config: s.write("detour.yaml", fmt.Sprintf(configText, domain, s.busURL,
		filepath.Join(s.bed.Dir, testbed.FileInventory), filepath.Join(s.bed.Dir, testbed.FileTopology)))}
	var err error
	if w.logs, err = os.Create(filepath.Join(s.dir, "detour.log")); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		w.kill()
		w.logs.Close()
	})
	return w
}

// start begins a life of the worker and waits until it says where it serves.
func (w *worker) start() {
	w.s.t.Helper()
	cmd := exec.Command(binary(w.s.t, "detour"), "serve", "--config", w.config)
	cmd.Stderr = w.logs
	// A test that dies takes its children along.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if w.life, err = serving.Start(cmd); err != nil {
		w.s.t.Fatal(err)
	}
	if _, w.url, err = w.life.Serves(w.s.within()); err != nil {
		w.s.t.Fatalf("the worker: %v\n%s", err, w.tail())
	}
}

// kill ends the worker with SIGKILL.
func (w *worker) kill() { w.life.Kill() }

// seesAll waits until the worker hears every router.
func (w *worker) seesAll() {
	w.s.t.Helper()
	cl, err := client.New(client.Config{Server: w.url, Via: "cli", UserAgent: "live", TokenFile: filepath.Join(w.s.dir, "token")})
	if err != nil {
		w.s.t.Fatal(err)
	}
	defer cl.Close()
	w.s.wait("the worker to see every router", func() bool {
		d, err := cl.Drains(w.s.within())
		return err == nil && d.Seen == d.Routers
	})
}

// detour runs a verb against the worker.
func (w *worker) detour(args ...string) answer {
	w.s.t.Helper()
	return run(w.s.t, binary(w.s.t, "detour"), append([]string{"--server", w.url, "--token-file", filepath.Join(w.s.dir, "token")}, args...)...)
}

// tail is the end of its log; nothing where there is no worker.
func (w *worker) tail() string {
	if w == nil {
		return ""
	}
	return serving.Tail(w.logs.Name())
}
