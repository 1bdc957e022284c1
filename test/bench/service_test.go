package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"text/template"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/client"
)

// domain is the service's part of the network; anomalies of floorDomain lie on the same stream and are nobody's but the
// floor's.
const (
	domain      = "bench"
	floorDomain = "floor"
)

// patience bounds every wait for something that must happen.
const patience = time.Minute

// policyFile acts on every sick link as soon as it may, as often as the ceiling allows. A fault that a person aborts may
// be opened again at once.
const policyFile = `rules:
  - name: sick-links
    match: {kinds: [link-errors]}
    remediation: link-drain
    with: {style: soft, steps: never}
    autonomy: auto
budgets:
  rates: [{per: 1h, at_most: 60}]
verify: {worst_link_permil: 1000}
facts: {unproven: allow}
prospect: {loops: allow, worth: 0}
clocks: {fresh: 5s, hold: 1h, override: 0s, cool_down: 0s, observe_every: 20ms, look_every: 1s}
`

var configFile = template.Must(template.New("config").Parse(`mode: live
domain: {{.Domain}}
replica: {name: "bench-{{.Rank}}", rank: {{.Rank}}}
nats: {urls: [{{range $n, $url := .Bus}}{{if $n}}, {{end}}"{{$url}}"{{end}}], replicas: {{len .Bus}}, sync_always: true}
listen: {http: "127.0.0.1:0"}
telemetry: {interval: 500ms}
inventory: inventory.yaml
topology: topology.yaml
traffic: traffic.csv
policy: policy.yaml
auth: {tokens: "file:tokens.yaml"}
`))

// tokensFile lets the benchmarks give orders.
const tokensFile = `tokens: [{name: bench, roles: [admin], token: "file:token"}]
`

// replica is one of the service, and a client of it that may give orders.
type replica struct {
	app *app.App
	api *client.Client
}

// service is one replica, or several, with everything around it: the backbone that it acts on, the bus, and a connection of
// ours to each.
type service struct {
	dir     string
	policy  string
	net     *backbone.Network
	urls    []string  // of the bus, one for each server; so often is each stream kept
	conn    *bus.Conn // the publisher's
	replica           // the first

	teardown []func() error
}

// raise starts a service and waits until it sees every router. The caller ends it with close.
func raise(ctx context.Context, dir string) (*service, error) {
	return raiseWith(ctx, dir, policyFile)
}

// raiseWith does the same with another policy.
func raiseWith(ctx context.Context, dir, policy string) (*service, error) {
	s := &service{dir: dir, policy: policy}
	return s, s.perform(ctx, s.raiseBackbone, s.raiseBus, s.writeFiles, s.raiseApp, s.ready)
}

// raiseOutside does the same with the bus in a process of its own; prepare is called once that is there.
func raiseOutside(ctx context.Context, dir string, prepare func(context.Context, jetstream.JetStream) error) (*service, error) {
	s := &service{dir: dir, policy: policyFile}
	made := func(ctx context.Context) error { return prepare(ctx, s.streams()) }
	return s, s.perform(ctx, s.raiseBackbone, s.raiseBusOutside, made, s.writeFiles, s.raiseApp, s.ready)
}

// perform takes one step after the other. After a failure it takes apart what stands.
func (s *service) perform(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return errors.Join(err, s.close())
		}
	}
	return nil
}

func (s *service) onClose(f func() error) { s.teardown = append(s.teardown, f) }

func (s *service) close() error {
	var errs []error
	for len(s.teardown) > 0 {
		last := len(s.teardown) - 1
		errs = append(errs, s.teardown[last]())
		s.teardown = s.teardown[:last]
	}
	return errors.Join(errs...)
}

// bounded ends something within patience.
func bounded(end func(context.Context) error) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return end(ctx)
	}
}

func (s *service) raiseBackbone(context.Context) (err error) {
	s.net, err = backbone.Start(backbone.Config{Topology: backbone.Abilene(), RequireClientCert: true, Username: "detour", Password: "bench"})
	if err != nil {
		return err
	}
	s.onClose(func() error { s.net.Close(); return nil })
	return nil
}

func (s *service) raiseBus(ctx context.Context) error {
	server, err := bus.Embedded(filepath.Join(s.dir, "nats"), bus.Options{Port: -1})
	if err != nil {
		return err
	}
	s.onClose(bounded(server.Shutdown))
	s.urls = []string{server.URL()}
	s.conn, err = s.connect(ctx)
	return err
}

// connect opens another connection to the bus, of the same kind as the service's.
func (s *service) connect(ctx context.Context) (*bus.Conn, error) {
	conn, err := bus.Connect(bus.Config{URLs: s.urls, Name: "bench"})
	if err != nil {
		return nil, err
	}
	s.onClose(bounded(conn.Close))
	return conn, conn.Wait(ctx)
}

func (s *service) writeFiles(context.Context) error {
	routers, err := s.net.Inventory(s.dir)
	if err != nil {
		return err
	}
	if err := backbone.WriteFiles(s.dir, routers, s.net.Topology().Links); err != nil {
		return err
	}
	traffic := []byte("from,to,bps\n")
	for _, d := range s.net.Traffic() {
		traffic = fmt.Appendf(traffic, "%s,%s,%d\n", d.From, d.To, d.IPv4+d.IPv6)
	}
	files := map[string][]byte{"traffic.csv": traffic, "policy.yaml": []byte(s.policy), "tokens.yaml": []byte(tokensFile), "token": []byte(rand.Text())}
	for name, raw := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), raw, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// raiseApp starts the first replica.
func (s *service) raiseApp(ctx context.Context) (err error) {
	usual := app.Tune()
	s.onClose(func() error { usual(); return nil })
	s.replica, err = s.launch(ctx, 0)
	return err
}

// join starts another replica, and waits until it has caught up.
func (s *service) join(ctx context.Context, rank int) (replica, error) {
	r, err := s.launch(ctx, rank)
	if err != nil {
		return r, err
	}
	return r, await(ctx, "another replica to be caught up", func() bool { return r.app.Worker().Status().CaughtUp })
}

// launch starts a replica. Its log is written as in production, to a file.
func (s *service) launch(ctx context.Context, rank int) (r replica, err error) {
	name := filepath.Join(s.dir, fmt.Sprintf("detour-%d", rank))
	var text bytes.Buffer
	if err := configFile.Execute(&text, map[string]any{"Domain": domain, "Bus": s.urls, "Rank": rank}); err != nil {
		return r, err
	}
	if err := os.WriteFile(name+".yaml", text.Bytes(), 0o600); err != nil {
		return r, err
	}
	c, err := config.Load(name + ".yaml")
	if err != nil {
		return r, err
	}
	file, err := os.Create(name + ".log")
	if err != nil {
		return r, err
	}
	s.onClose(file.Close)
	log, err := app.NewLogger(c.Log.Level, file)
	if err != nil {
		return r, err
	}
	if r.app, err = app.New(ctx, c, log); err != nil {
		return r, err
	}
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.app.Run(running) }()
	s.onClose(func() error { stop(); return <-ended })
	if r.api, err = client.New(client.Config{Server: r.app.URL(), UserAgent: "bench", TokenFile: filepath.Join(s.dir, "token")}); err != nil {
		return r, err
	}
	s.onClose(func() error { r.api.Close(); return nil })
	return r, nil
}

// ready waits until the service has caught up and knows the load of every link.
func (s *service) ready(ctx context.Context) error {
	err := await(ctx, "the service to be caught up", func() bool { return s.app.Worker().Status().CaughtUp })
	if err != nil {
		return err
	}
	return s.calm(ctx)
}

// calm waits until telemetry sees every router and no link drained.
func (s *service) calm(ctx context.Context) error {
	return await(ctx, "telemetry to see a calm network", func() bool {
		drains, err := s.api.Drains(ctx)
		return err == nil && drains.Seen == drains.Routers && len(drains.Drains) == 0
	})
}

// streams are the bus as the publisher sees it.
func (s *service) streams() jetstream.JetStream { return s.conn.JetStream() }

// await looks until done says so, a thousand times a second.
func await(ctx context.Context, what string, done func() bool) error {
	return awaitEvery(ctx, time.Millisecond, what, done)
}

// awaitEvery looks less often, where looking takes from what is waited for.
func awaitEvery(ctx context.Context, pause time.Duration, what string, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
	return nil
}

// newest is the phase of the newest incident of a link, and its id.
func (s *service) newest(link string) (id string, phase incident.Phase) {
	s.app.Worker().View(func(b *incident.Board) {
		if i, ok := b.Latest(string(events.TargetLink) + "/" + link); ok {
			id, phase = i.ID, i.Phase
		}
	})
	return id, phase
}

// scratch is a folder that is gone at the end of the benchmark, whatever it is told to forget before.
func scratch(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp(b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	return dir
}
