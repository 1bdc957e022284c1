package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/certs"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/device"
	"github.com/detour-net/detour/internal/duty"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/ship"
	"github.com/detour-net/detour/internal/notify"
	"github.com/detour-net/detour/internal/tracing"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/login"
	"github.com/detour-net/detour/internal/worker"
	"github.com/detour-net/detour/policy"
	"github.com/detour-net/detour/remediators"
)

// Bounds of starting and ending.
const (
	openWithin  = 60 * time.Second
	closeWithin = 10 * time.Second
)

// App is one replica.
type App struct {
	cfg        *config.Config
	log        *zap.Logger
	server     *bus.Server // nil on a foreign bus
	conn       *bus.Conn   // for the ledger and the other replicas
	feed       *bus.Conn   // for anomalies: what they queue up in a storm stands in nobody's way
	ledger     *ledger.Ledger
	intake     *intake.Intake
	fleet      *device.Fleet
	ahead      foresight
	traffic    *trafficFile
	peers      *bus.Peers
	clock      *clock
	policy     *policyFile
	worker     *worker.Worker
	web        *web.Server
	costs      *costs
	traces     *tracing.Traces // nil: they go nowhere
	chats      []*chat
	login      *login.Provider   // nil without one
	duty       *duty.Keeper      // nil: the table of people alone says who is on call
	peopleFile config.PeopleFile // who is who in the chats
	listen     net.Listener
	admin      net.Listener // nil without one

	senders  []*notify.Sender
	shipper  *ship.Shipper // nil: no checkpoints are shipped
	teardown []closer      // last in, first out
}

// closer is one named step of the teardown.
type closer struct {
	name  string
	close func(context.Context) error
}

// New opens everything that c names. On an error what was opened is closed again.
func New(ctx context.Context, c *config.Config, log *zap.Logger) (*App, error) {
	a := &App{cfg: c, log: log}
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	for _, open := range []func(context.Context) error{a.openBus, a.openLedger, a.ensureDomain, a.openIntake, a.openRouters, a.openWorker, a.openClock} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

func (a *App) onClose(name string, f func(context.Context) error) {
	a.teardown = append(a.teardown, closer{name, f})
}

func (a *App) openBus(ctx context.Context) error {
	c := Bus(a.cfg.NATS)
	c.Name, c.Log = "detour "+a.cfg.Replica.Name, a.log.Named("bus")
	if e := a.cfg.NATS.Embedded; e != nil {
		server, err := bus.Embedded(e.Dir, bus.Options{Port: e.Port, Log: a.log.Named("nats")})
		if err != nil {
			return err
		}
		a.server, c.Server = server, server
		a.onClose("NATS server", server.Shutdown)
	}
	for _, conn := range []**bus.Conn{&a.conn, &a.feed} {
		var err error
		if *conn, err = bus.Connect(c); err != nil {
			return err
		}
		a.onClose("bus connection", (*conn).Close)
		if err := (*conn).Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) openLedger(ctx context.Context) (err error) {
	a.ledger, err = ledger.Open(ctx, a.conn.JetStream(), ledger.Config{
		Domain: a.cfg.Domain, Replicas: a.cfg.NATS.Replicas, SyncAlways: a.cfg.NATS.SyncAlways, Existing: a.cfg.NATS.Existing(), Log: a.log.Named("ledger"),
	})
	return err
}

func (a *App) ensureDomain(ctx context.Context) error { return a.ledger.EnsureDomain(ctx) }

func (a *App) openIntake(ctx context.Context) (err error) {
	a.intake, err = intake.Open(ctx, a.feed.JetStream(), intake.Config{
		Domain: a.cfg.Domain, Limits: intake.Limits{Replicas: a.cfg.NATS.Replicas}, Existing: a.cfg.NATS.Existing(), Log: a.log.Named("intake"),
	})
	return err
}

func (a *App) openRouters(context.Context) (err error) {
	a.fleet, err = device.NewFleet(a.cfg.Network, device.Options{
		Logger: a.log.Named("device"), Now: now, Dir: filepath.Dir(a.cfg.Files.Inventory), TelemetryInterval: a.cfg.Telemetry.Interval.Std(),
	})
	if err != nil {
		return err
	}
	a.onClose("routers", func(context.Context) error { a.fleet.Close(); return nil })
	return nil
}

func (a *App) openWorker(context.Context) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := a.openCheckpoints(registry); err != nil {
		return err
	}
	a.ahead = newForesight(a.fleet, a.cfg.Network, a.prospects)
	a.traffic = &trafficFile{
		path: a.cfg.Files.Traffic, network: a.cfg.Network, reader: new(bounded.Reader), use: a.ahead.forecaster.Use, log: a.log.Named("forecast"),
	}
	a.traffic.refresh()
	a.ahead.took = newForecasting(registry)
	tracer, err := a.openTraces(registry)
	if err != nil {
		return err
	}
	a.worker = worker.New(worker.Config{
		Name: a.cfg.Replica.Name, Mode: a.cfg.Mode, Policy: a.cfg.Policy, PolicyFrom: filepath.Base(a.cfg.Files.Policy),
		Inventory: a.cfg.Resolver, Scopes: a.cfg.Resolver.Scopes(), Remediators: remediators.All(),
		Ledger: witnessed{a.ledger, a.shipper}, Conflict: ledger.ErrConflict, Doubt: ledger.ErrDoubt, Intake: arrivals{a.intake, a.log}, Routers: a.ahead, Canaries: a.fleet,
		Peers: func(me string) worker.Peers {
			a.peers = a.conn.Peers(a.cfg.Domain, me, a.cfg.Replica.Rank, a.canTakeIn)
			return a.peers
		},
		Now: now, Logger: a.log, Metrics: worker.NewMetrics(registry), Tracer: tracer,
	})
	a.policy = &policyFile{
		path: a.cfg.Files.Policy, file: config.NewPolicyFile(a.cfg.Files.Policy), parse: a.cfg.ParsePolicy, offer: a.worker.Offer, log: a.log.Named("policy"), known: look{digest: a.cfg.PolicyBytes},
	}
	a.costs = newCosts(a)
	registry.MustRegister(newSurroundings(a))
	a.openChats(registry)
	a.openNotify(registry)
	return a.openWeb(registry)
}

// openClock looks at the clock once before anything is decided by it.
func (a *App) openClock(ctx context.Context) error {
	a.clock = &clock{ahead: a.ledger.Ahead, suspend: a.worker.Suspend, log: a.log.Named("clock")}
	return a.clock.look(ctx)
}

// prospects are the limits on what a drain may do, as they are in force.
func (a *App) prospects() policy.ProspectLimits { return a.worker.PolicyInForce().Prospects() }

func (a *App) openWeb(registry *prometheus.Registry) error {
	auth := web.Auth{LocalViewer: a.cfg.Listen.Local()}
	for _, t := range a.cfg.Tokens {
		auth.Tokens = append(auth.Tokens, web.Token{Name: t.Name, Roles: t.Roles, SHA256: t.SHA256})
	}
	var err error
	a.login = openLogin(a.cfg, a.log.Named("login"))
	c := web.Config{
		Board: a.worker, Orders: a.worker, Ledger: a.ledger, Network: sights{a}, Costs: a.costs, Terrain: terrain{a}, Policy: inForce{a}, Health: health{a}, Auth: auth, Callbacks: a.callbacks(),
		SessionKey: a.cfg.SessionKey, URL: a.console(), Now: now, Fresh: a.cfg.Auth.Fresh.Std(), Registry: registry, Log: a.log.Named("web"),
	}
	if a.login != nil {
		c.Login = a.login
	}
	if a.web, err = web.New(c); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	a.onClose("web", func(context.Context) error { a.web.Close(); return nil })
	if a.listen, err = net.Listen("tcp", a.cfg.Listen.HTTP); err != nil {
		return fmt.Errorf("listen.http: %w", err)
	}
	a.onClose("listener", func(context.Context) error {
		if err := a.listen.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	if t := a.cfg.Listen.TLS; t != nil {
		source, err := certs.Open(certs.Files{Cert: t.Cert, Key: t.Key}, new(bounded.Reader), a.log)
		if err != nil {
			return fmt.Errorf("listen.tls.%w", err)
		}
		a.listen = tls.NewListener(a.listen, source.Server("h2", "http/1.1"))
	}
	return a.openAdmin()
}

// Run runs the replica until ctx ends or a task fails, then closes everything.
func (a *App) Run(ctx context.Context) error {
	g, inner := errgroup.WithContext(ctx)
	tasks := map[string]func(context.Context) error{
		"routers": a.fleet.Run, "intake": a.takeIn, "peers": while(a.worker.Acting, a.peers.Run), "clock": a.clock.run, "worker": a.worker.Run, "policy": a.policy.run, "costs": a.costs.run,
		"forecasts": a.ahead.prepare, "traffic": a.traffic.run, "older": newOlder(a).run,
		"web": func(ctx context.Context) error { return a.web.Serve(ctx, a.listen) },
	}
	if a.traces != nil {
		tasks["traces"] = a.traces.Run
	}
	if a.admin != nil {
		tasks["admin"] = a.serveAdmin
	}
	maps.Copy(tasks, a.chatTasks())
	if a.login != nil {
		tasks["login"] = a.login.Run
	}
	maps.Copy(tasks, a.notifyTasks())
	if a.shipper != nil {
		tasks["checkpoints"] = a.shipper.Run
	}
	if s := a.supervised(); s != nil {
		tasks["supervised"] = s.run
	}
	for name, task := range tasks {
		g.Go(func() error {
			if err := task(inner); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	err := g.Wait()
	return errors.Join(err, a.Close())
}

// Close takes the replica apart, the newest part first, each within a bounded time.
func (a *App) Close() error {
	var errs []error
	for len(a.teardown) > 0 {
		c := a.teardown[len(a.teardown)-1]
		a.teardown = a.teardown[:len(a.teardown)-1]
		ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
		if err := c.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", c.name, err))
		}
		cancel()
	}
	return errors.Join(errs...)
}

// URL is where the console and the API answer.
func (a *App) URL() string {
	scheme := "http"
	if a.cfg.Listen.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + a.listen.Addr().String()
}

// BusURL is where the embedded NATS server listens, "" when it serves only this process.
func (a *App) BusURL() string {
	if a.server == nil {
		return ""
	}
	return a.server.URL()
}

// Worker is the replica's loop.
func (a *App) Worker() *worker.Worker { return a.worker }

// Ledger is the replica's ledger.
func (a *App) Ledger() *ledger.Ledger { return a.ledger }

// JetStream is the replica's bus.
func (a *App) JetStream() jetstream.JetStream { return a.conn.JetStream() }
