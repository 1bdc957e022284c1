package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/web/client"
)

// stage is everything that a scenario plays on.
type stage struct {
	dir     string
	started time.Time
	tell    func(line) // shows one line
	log     *zap.Logger

	net    *backbone.Network
	server *bus.Server
	conn   *bus.Conn
	ledger *ledger.Ledger
	api    *client.Client
	url    string
	cast   []*replica

	mu    sync.Mutex
	board *incident.Board
	told  map[events.Kind]int // records, by kind
	moved chan struct{}       // closed and replaced with every commit
	sick  map[string]context.CancelFunc
	first time.Time // when the first anomaly was published

	loss   float64          // of a sick link
	slow   time.Duration    // until the last router goes by a change
	closed *backbone.Totals // what was counted, in a scenario that goes on when the loop has closed

	background sync.WaitGroup
	teardown   []func()
}

// build makes the backbone, the bus and the replicas, and waits until the service is ready.
func build(ctx context.Context, o Options, sc Scenario, dir string, tell func(line)) (*stage, error) {
	s := &stage{
		dir: dir, tell: tell, board: incident.NewBoard(), told: map[events.Kind]int{}, moved: make(chan struct{}), sick: map[string]context.CancelFunc{}, started: time.Now(),
	}
	logs, err := os.Create(filepath.Join(dir, "detour.log"))
	if err != nil {
		return nil, err
	}
	s.onEnd(func() { logs.Close() })
	if s.log, err = app.NewLogger("info", logs); err != nil {
		return s, err
	}
	with := settings{Autonomy: "auto", Expiry: "1m"}
	if sc.tune != nil {
		sc.tune(&with)
	}
	s.loss, s.slow = cmp.Or(with.Loss, sickness), with.Slow
	for _, step := range []func() error{
		func() error { return s.raiseBackbone(with) },
		func() error { return s.raiseBus(ctx) },
		func() error { return s.writeFiles(o, with) },
		func() error { return s.raiseReplicas(ctx, o, with) },
		func() error { return s.listen(ctx) },
		func() error { return s.ready(ctx, with) },
	} {
		if err := step(); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *stage) onEnd(f func()) { s.teardown = append(s.teardown, f) }

// end takes everything apart, the newest first.
func (s *stage) end() {
	for _, stop := range s.sick {
		stop()
	}
	for len(s.teardown) > 0 {
		last := s.teardown[len(s.teardown)-1]
		s.teardown = s.teardown[:len(s.teardown)-1]
		last()
	}
	s.background.Wait()
}

func (s *stage) raiseBackbone(with settings) (err error) {
	topology := backbone.Abilene
	if with.Topology != nil {
		topology = with.Topology
	}
	s.net, err = backbone.Start(backbone.Config{
		Topology: topology(), LoadTarget: with.Load, Convergence: with.Slow, RequireClientCert: true, Username: "detour", Password: hex.EncodeToString(random(16)), Logger: s.log.Named("backbone"),
	})
	if err != nil {
		return err
	}
	s.onEnd(s.net.Close)
	return nil
}

func (s *stage) raiseBus(ctx context.Context) (err error) {
	if s.server, err = bus.Embedded(filepath.Join(s.dir, "nats"), bus.Options{Port: -1, Log: s.log.Named("nats")}); err != nil {
		return err
	}
	s.onEnd(func() { s.bounded(s.server.Shutdown) })
	if s.conn, err = bus.Connect(bus.Config{Server: s.server, Name: "demonstration", Log: s.log.Named("bus")}); err != nil {
		return err
	}
	s.onEnd(func() { s.bounded(s.conn.Close) })
	if err := s.conn.Wait(ctx); err != nil {
		return err
	}
	s.ledger, err = ledger.Open(ctx, s.conn.JetStream(), ledger.Config{Domain: domain, SyncAlways: true, Log: s.log.Named("ledger")})
	return err
}

func (s *stage) bounded(f func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := f(ctx); err != nil {
		s.log.Warn("end of the demonstration", zap.Error(err))
	}
}

// raiseReplicas starts the service: in this process, or as processes of their own.
func (s *stage) raiseReplicas(ctx context.Context, o Options, with settings) error {
	if with.Children > 0 {
		for n := range with.Children {
			if err := s.spawn(ctx, o, n); err != nil {
				return err
			}
		}
		s.url = s.cast[0].url
		return s.call()
	}
	c, err := config.Load(filepath.Join(s.dir, "detour-0.yaml"))
	if err != nil {
		return err
	}
	a, err := app.New(ctx, c, s.log)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := a.Run(running); err != nil {
			s.log.Error("replica", zap.Error(err))
		}
	}()
	s.onEnd(func() { stop(); <-done })
	s.url = a.URL()
	return s.call()
}

func (s *stage) call() (err error) {
	s.api, err = client.New(client.Config{Server: s.url, TokenFile: filepath.Join(s.dir, "token"), Via: "cli", UserAgent: "detour demo"})
	if err == nil {
		s.onEnd(s.api.Close)
	}
	return err
}

// listen folds the ledger for the story and for everything that scenarios wait for.
func (s *stage) listen(context.Context) error {
	following, stop := context.WithCancel(context.Background())
	s.onEnd(stop)
	s.background.Go(func() {
		err := s.ledger.Follow(following, 1, func(c events.Commit) error {
			s.mu.Lock()
			err := s.board.Apply(c)
			for _, r := range c.Records {
				s.told[r.Body.Kind()]++
			}
			close(s.moved)
			s.moved = make(chan struct{})
			s.mu.Unlock()
			for _, r := range c.Records {
				if l, ok := tell(r); ok {
					s.tell(l)
				}
			}
			return err
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			s.log.Error("follow the ledger", zap.Error(err))
		}
	})
	return nil
}

// ready waits until the service is, has seen telemetry from every router, and, if the scenario wants it, has proven the
// routers at the ends of the link.
func (s *stage) ready(ctx context.Context, with settings) error {
	err := s.wait(ctx, "the service to be ready", func() bool {
		status, err := s.api.Status(ctx)
		if err != nil || !status.CaughtUp {
			return false
		}
		drains, err := s.api.Drains(ctx)
		return err == nil && drains.Seen == drains.Routers
	})
	if err != nil {
		return err
	}
	if err := pause(ctx, warmUp); err != nil {
		return err
	}
	if !with.Prove {
		return nil
	}
	a, b := s.ends(theLink)
	for _, name := range []string{a, b} {
		s.say("$ detour routers prove %s", name)
		if _, err := s.api.Prove(ctx, name); err != nil {
			return fmt.Errorf("prove %s: %w", name, err)
		}
	}
	return nil
}

// warmUp lets every router send the two samples that a rate is made of.
const warmUp = 700 * time.Millisecond

// pause lets time pass, as people do.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// say shows a line that is not from the ledger.
func (s *stage) say(format string, args ...any) {
	s.tell(line{word: "", text: fmt.Sprintf(format, args...), tone: quiet})
}

// view looks at the Board.
func (s *stage) view(f func(*incident.Board)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.board)
}

// incident is a copy of the newest incident of a link.
func (s *stage) incident(link string) (i incident.Incident, err error) {
	s.view(func(b *incident.Board) {
		found, ok := b.Latest(string(events.TargetLink) + "/" + link)
		if !ok {
			err = fmt.Errorf("no incident of %s", link)
			return
		}
		i = *found
	})
	return i, err
}

// until waits for the newest incident of a link to be in one of phases.
func (s *stage) until(ctx context.Context, link string, phases ...incident.Phase) error {
	return s.wait(ctx, fmt.Sprintf("%s to be %v", link, phases), func() bool {
		i, err := s.incident(link)
		for _, p := range phases {
			if err == nil && i.Phase == p {
				return true
			}
		}
		return false
	})
}

// wait returns once done says so. It asks with every commit, and now and then.
func (s *stage) wait(ctx context.Context, what string, done func() bool) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		s.mu.Lock()
		moved := s.moved
		s.mu.Unlock()
		select {
		case <-moved:
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
	return nil
}

// why shows what the service answers when asked why.
func (s *stage) why(link string) error {
	i, err := s.incident(link)
	if err != nil {
		return err
	}
	s.say("$ detour why %s", i.ID)
	s.view(func(b *incident.Board) {
		e, _ := b.Why(i.ID)
		s.tell(line{word: "why", text: e.Sentence, tone: waits})
		for _, u := range e.Unblock {
			s.tell(line{word: "unblock", text: u, tone: waits})
		}
	})
	return nil
}

func (s *stage) ends(link string) (a, b string) {
	for _, l := range s.net.Topology().Links {
		if l.Name == link {
			return l.A.Device, l.B.Device
		}
	}
	return "", ""
}

func random(n int) []byte {
	raw := make([]byte, n)
	rand.Read(raw) //nolint:errcheck // never fails (crypto/rand)
	return raw
}

// drained is the metric from which on a link counts as drained (RFC 5305, section 3).
const drained = 1<<24 - 2

// drainedEnds counts the link ends on which the routers forward by a drained metric.
func (s *stage) drainedEnds() int {
	n := 0
	for _, l := range s.net.Topology().Links {
		a, b, err := s.net.Metrics(l.Name)
		if err != nil {
			continue
		}
		for _, end := range []backbone.EndMetrics{a, b} {
			if end.IPv4.Value >= drained {
				n++
			}
		}
	}
	return n
}

// asBefore wants every metric as the topology has it.
func (s *stage) asBefore() error {
	var wrong []string
	for _, l := range s.net.Topology().Links {
		a, b, err := s.net.Metrics(l.Name)
		if err != nil {
			return err
		}
		for _, end := range []struct {
			metrics backbone.EndMetrics
			want    uint32
		}{{a, l.A.Metric}, {b, l.B.Metric}} {
			if end.metrics.IPv4.Value != end.want || end.metrics.IPv6.Value != end.want {
				wrong = append(wrong, fmt.Sprintf("%s has %d/%d, had %d", l.Name, end.metrics.IPv4.Value, end.metrics.IPv6.Value, end.want))
			}
		}
	}
	if len(wrong) > 0 {
		return errors.New("metrics are not as before: " + strings.Join(wrong, "; "))
	}
	return nil
}

// sets counts the Sets with something in them that reached routers.
func (s *stage) sets() int {
	n := 0
	for _, r := range s.net.Sets() {
		if !r.Local && len(r.Request.GetUpdate())+len(r.Request.GetDelete())+len(r.Request.GetReplace()) > 0 {
			n++
		}
	}
	return n
}
