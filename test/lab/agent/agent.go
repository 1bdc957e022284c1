package agent

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/model"
	"github.com/detour-net/detour/internal/backbone/target"
)

const (
	pollEvery = 200 * time.Millisecond // isisd does not say when something changes; it is asked this often
	young     = 20 * time.Millisecond  // what was seen so lately need not be asked for again
	retry     = time.Second            // between two attempts to take something back

	// answers is how long one look may take. Whoever comes while one is under way waits for its end and for one more, and is to
	// have an answer within the ten seconds that clients commonly wait.
	answers = 4 * time.Second
)

// Config is what an agent is made of.
type Config struct {
	Name   string // of the router
	Dir    string // of the journal
	Daemon Daemon
	Kernel Kernel
	Speeds map[string]int64 // of interfaces, in bits per second: a virtual cable has none of its own
	Logger *zap.Logger
}

// Agent is the gNMI target of one router. Run must be called.
type Agent struct {
	*target.Server
	name    string
	path    string // of the journal
	schema  *model.Schema
	daemon  Daemon
	kernel  Kernel
	speeds  map[string]int64
	log     *zap.Logger
	done    chan struct{}
	moved   chan struct{} // something may have changed: look now
	wakened chan struct{} // the window has changed: look when it ends

	client  sync.Mutex // held through a client's Set; whoever finds it held is refused
	setting sync.Mutex // guards what is written to the router and the journal
	journal journal

	asking chan struct{} // is full while somebody looks at the router: one at a time

	mu      sync.Mutex // guards the rest
	last    *snapshot
	leaves  *target.Leaves
	changed chan struct{}
	blind   error     // why nothing is known, a status
	looked  time.Time // when the last look that came to an end began
}

// New makes an agent and reads its journal.
func New(cfg Config) (*Agent, error) {
	schema, err := model.Load()
	if err != nil {
		return nil, err
	}
	a := &Agent{
		name: cfg.Name, path: filepath.Join(cfg.Dir, "journal.json"), schema: schema, daemon: cfg.Daemon, kernel: cfg.Kernel, speeds: cfg.Speeds, log: cfg.Logger,
		done: make(chan struct{}), moved: make(chan struct{}, 1), wakened: make(chan struct{}, 1), changed: make(chan struct{}), asking: make(chan struct{}, 1),
	}
	if a.journal, err = readJournal(a.path); err != nil {
		return nil, err
	}
	a.Server = &target.Server{Schema: schema, Device: a, Absent: target.AbsentNotFound, Done: a.done}
	return a, nil
}

// Run takes back what an agent before this one has left half done, however long that takes, calls ready, and keeps watch
// until ctx ends. No RPC may come before ready is called.
func (a *Agent) Run(ctx context.Context, ready func()) {
	defer close(a.done)
	for !a.settled(ctx) {
		if !sleep(ctx, retry) {
			return
		}
	}
	ready()
	var tasks sync.WaitGroup
	tasks.Go(func() { a.watch(ctx) })
	tasks.Go(func() { a.keepWindow(ctx) })
	tasks.Wait()
}

// Moved tells that something may have changed.
func (a *Agent) Moved() { poke(a.moved) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sleep waits, and reports false when ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// watch looks at the router again and again, so that streams tell of what changes.
func (a *Agent) watch(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-a.moved:
		case <-ctx.Done():
			return
		}
		_ = a.look(ctx, young) // a failure is told to whoever asks
	}
}

// look sees to it that what is known of the router is no older than age, that it does not answer included. Its error is a
// status.
func (a *Agent) look(ctx context.Context, age time.Duration) error {
	asked := time.Now()
	select {
	case a.asking <- struct{}{}:
		defer func() { <-a.asking }()
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
	a.mu.Lock()
	last, blind, looked := a.last, a.blind, a.looked
	a.mu.Unlock()
	if looked.After(asked.Add(-age)) {
		return blind
	}
	began := time.Now()
	// It is everybody's look: whoever began it and has no more patience takes nothing from the others.
	soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), answers)
	defer cancel()
	next, err := a.observe(soon, last)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil && (a.leaves == nil || last.shape != next.shape) {
		err = a.adopt(next)
	}
	a.looked = began
	if err != nil {
		a.lose(err)
		return a.blind
	}
	if blind != nil || last == nil || last.told != next.told {
		a.announce()
	}
	a.last, a.blind = next, nil
	return nil
}

// adopt describes a snapshot with other leaves than the last one. The mutex is held.
func (a *Agent) adopt(next *snapshot) error {
	leaves, err := a.describe(next)
	if err == nil {
		a.leaves = leaves
	}
	return err
}

// lose notes that nothing is known of the router any more. The mutex is held.
func (a *Agent) lose(err error) {
	if a.blind == nil {
		a.log.Warn("the router does not answer", zap.Error(err))
		a.announce()
	}
	a.blind = status.Error(codes.Unavailable, "the router does not answer: "+err.Error())
}

// announce wakes streams. The mutex is held.
func (a *Agent) announce() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// View implements target.Device.
func (a *Agent) View(ctx context.Context, look func(target.View) error) error {
	if err := a.look(ctx, young); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.blind != nil {
		return a.blind
	}
	return look(target.View{Now: a.last.at, Leaves: a.leaves, Changed: a.changed})
}

// now is the router as it was last seen.
func (a *Agent) now() *snapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// write writes the journal. Its error is a status. The caller holds setting.
func (a *Agent) write() error {
	if err := a.journal.write(a.path); err != nil {
		a.log.Error("journal", zap.Error(err))
		return status.Error(codes.Unavailable, "the agent cannot keep its journal: "+err.Error())
	}
	return nil
}
