package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/policy"
	"github.com/detour-net/detour/test/wire"
)

// TestCampaign hurts replicas, wires, the bus and routers at random in every phase of incidents, and asks for the account
// when all is healed. Its log says the seed and what was done.
func TestCampaign(t *testing.T) {
	t.Parallel()
	kills, seed := *flagKills, *flagSeed
	if kills == 0 {
		kills = 8
		if testing.Short() {
			kills = 2
		}
	}
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	for round := uint64(0); kills > 0; round++ {
		// A ledger takes so many acts an hour and no more: the ceiling that the binary has compiled in.
		const perStage = 20
		n := min(kills, perStage)
		kills -= n
		t.Run(fmt.Sprintf("seed=%d", seed+round), func(t *testing.T) {
			t.Logf("again: go test ./test/e2e -run TestCampaign -kills %d -seed %d", n, seed+round)
			campaign(t, n, rand.New(rand.NewPCG(seed+round, 0)))
		})
	}
}

// pairs are links that share no router, so that both can be drained at once.
var pairs = [][]string{
	{linkPlain, linkSingle}, {linkParallel, linkUnfenced}, {linkAbsent, linkLevels}, {linkEdge, chordA}, {linkEdge2, chordB},
	{linkPlain, linkUnfenced}, {linkSingle, linkLevels}, {chordA, chordB}, {linkPlain, chordB}, {linkAbsent, chordC},
}

func campaign(t *testing.T, kills int, rng *rand.Rand) {
	r := rules{Clocks: map[string]string{"verify_within": "4s", "set_deadline": "1s"}}
	if rng.IntN(2) == 0 {
		r.Loss, r.Modelled = grey, true // drains go by steps
	}
	s := raise(t, setup{replicas: 3, proven: rng.IntN(4) > 0, rules: r})
	a := &attack{stage: s, rng: rng}
	for a.kills < kills {
		a.round(pairs[rng.IntN(len(pairs))])
	}
	a.revive()
	s.account()
}

// attack hurts a stage at random.
type attack struct {
	*stage
	rng   *rand.Rand
	kills int
}

// round lets two links fall sick, and hurts whoever takes care of them at two moments.
func (a *attack) round(links []string) {
	a.t.Helper()
	var injected []*backbone.Injection
	for _, link := range links {
		injected = append(injected, a.misbehave(link)...)
	}
	from, began := a.position(), time.Now()
	start := from
	symptoms := make([]events.AnomalyKind, len(links))
	for n := range symptoms {
		symptoms[n] = []events.AnomalyKind{events.LinkErrors, events.LinkFlap, events.OpticalDegrade, events.Congestion}[a.rng.IntN(4)]
	}
	var quiet []func()
	tell := func(state ...change) {
		for _, stop := range quiet {
			stop()
		}
		quiet = quiet[:0]
		for n, link := range links {
			quiet = append(quiet, a.telling(link, append([]change{kind(symptoms[n])}, state...)...))
		}
	}
	for _, link := range links {
		a.anew(link)
		if err := a.net.SetLoss(link, a.rules.Loss); err != nil {
			a.t.Fatal(err)
		}
	}
	tell()
	a.strike(&from)
	for _, link := range links {
		a.wait(link+" to be held, or left to a person", func() bool { return a.decided(a.latest(link), a.ended[link]) })
	}
	for _, link := range links {
		if err := a.net.Heal(link); err != nil {
			a.t.Fatal(err)
		}
	}
	tell(state(events.Resolved))
	a.strike(&from)
	a.until("the round to end", func(b *incident.Board) bool { return len(b.Open()) == 0 })
	for _, stop := range quiet {
		stop()
	}
	if took := time.Since(began); took > slow {
		a.t.Logf("that took %s", took)
		for _, id := range a.openedSince(start) {
			a.t.Logf("%s\n%s", id, a.history(id))
		}
	}
	for _, in := range injected {
		in.Release()
		in.Remove()
	}
	a.revive()
}

// decided reports whether an incident after the epoch that was the last is held or over, or left to a person because too
// many links of one router have fallen sick within a short time.
func (a *attack) decided(i *incident.Incident, last uint64) bool {
	if i == nil || i.Epoch <= last {
		return false
	}
	shared := i.Phase == incident.Waiting && slices.ContainsFunc(i.Ruling.Checks, func(c events.Check) bool { return c.Name == policy.CheckCause && !c.OK })
	return shared || i.Phase == incident.Holding || i.Phase == incident.Closed
}

func (s *stage) position() (at uint64) {
	s.look(func(b *incident.Board) bool { at = b.Position; return true })
	return at
}

// openedSince are the incidents that were opened after a position.
func (a *attack) openedSince(position uint64) (ids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.commits {
		for _, r := range c.Records {
			if r.Body.Kind() == events.KindOpened && c.Position > position {
				ids = append(ids, r.Incident)
			}
		}
	}
	return ids
}

// slow is a round worth being looked at.
const slow = 10 * time.Second

// moments are the records at which somebody is hurt.
var moments = []events.Kind{
	events.KindOpened, events.KindRuled, events.KindIntended, events.KindApplied, events.KindApplied, events.KindVerified,
	events.KindConfirmed, events.KindHeld, events.KindReleased, events.KindReverted, events.KindClosed,
}

// strike waits for a record of some kind after from, or for things to calm down without one, and then hurts somebody.
func (a *attack) strike(from *uint64) {
	moment := moments[a.rng.IntN(len(moments))]
	by := ""
	deadline := time.Now().Add(2 * time.Second)
	a.wait("a moment to strike", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, c := range a.commits {
			if c.Position <= *from {
				continue
			}
			*from = c.Position
			for _, r := range c.Records {
				if by = c.By; r.Body.Kind() == moment {
					return true
				}
			}
		}
		return time.Now().After(deadline)
	})
	victim := a.replicas[a.rng.IntN(len(a.replicas))]
	if owner := a.owner(by); owner != nil && a.rng.IntN(4) > 0 {
		victim = owner
	}
	a.hurt(victim, moment)
}

// hurt does one harm to a replica, or to all.
func (a *attack) hurt(r *replica, moment events.Kind) {
	a.kills++
	span := time.Duration(a.rng.IntN(2500)) * time.Millisecond
	say := func(what string) { a.t.Logf("%s at %s: %s %s", time.Now().Format("05.000"), moment, r.name, what) }
	switch a.rng.IntN(8) {
	case 0, 1, 2:
		say("is killed")
		r.kill()
		r.start()
	case 3:
		say("is killed, and stays dead for the round")
		r.kill()
		a.keepOne()
	case 4:
		say("stands still for " + span.String())
		r.stop()
		a.later(span, r.cont)
	case 5:
		say("hears nothing for " + span.String())
		r.wire.Set(wire.Stalled)
		a.later(span, func() { r.wire.Set(wire.Whole) })
	case 6:
		say("is cut off for " + span.String())
		r.wire.Set(wire.Cut)
		a.later(span, func() { r.wire.Set(wire.Whole) })
	case 7:
		say("and all others lose the bus for " + (span / 2).String())
		for _, other := range a.replicas {
			other.wire.Set(wire.Cut)
		}
		a.later(span/2, func() {
			for _, other := range a.replicas {
				other.wire.Set(wire.Whole)
			}
		})
	}
}

// later does something when time has passed; the test goes on meanwhile, and does not end before.
func (a *attack) later(d time.Duration, f func()) {
	done := make(chan struct{})
	time.AfterFunc(d, func() { defer close(done); f() })
	a.t.(*testing.T).Cleanup(func() { <-done })
}

// keepOne starts a replica if none lives: somebody must be there to end the round.
func (a *attack) keepOne() {
	if !slices.ContainsFunc(a.replicas, (*replica).alive) {
		a.replicas[0].start()
	}
}

// revive heals every replica and wire.
func (a *attack) revive() {
	a.t.Helper()
	for _, r := range a.replicas {
		r.wire.Set(wire.Whole)
		if !r.alive() {
			r.start()
		}
		r.cont()
	}
}

// misbehave gives the routers of a link faults, now and then.
func (a *attack) misbehave(link string) []*backbone.Injection {
	x, y := a.routersOf(link)
	var list []*backbone.Injection
	for _, r := range []*backbone.Router{x, y} {
		if a.rng.IntN(2) == 0 {
			continue
		}
		when := []backbone.Match{backbone.Do, backbone.Undo, backbone.Any}[a.rng.IntN(3)]
		late := 4 * time.Second
		if !arbitrates(r.Name()) {
			// Nothing but time keeps a late Set from such a router: deadline and margin.
			late = 300 * time.Millisecond
		} else {
			a.stage.late[r.Name()] = true
		}
		how := []backbone.Behaviour{
			backbone.Abort("commit failed: configuration database locked"), backbone.Refuse(codes.Internal, "commit failed"),
			backbone.LoseReply(), backbone.CutAfterCommit(), backbone.CommitLate(late), backbone.Hang(), backbone.Delay(300 * time.Millisecond),
			backbone.Ignore(), backbone.NotProgrammed(),
		}[a.rng.IntN(9)]
		if how == backbone.NotProgrammed() {
			when = backbone.Do // a router that takes the undo and forwards on as before keeps that drain for ever
		}
		list = append(list, r.OnSet(backbone.First(1+a.rng.IntN(2), when), how))
		a.t.Logf("%s will treat Sets as %+v", r.Name(), how)
	}
	if a.rng.IntN(8) == 0 {
		a.t.Logf("%s will reboot", x.Name())
		a.later(time.Duration(500+a.rng.IntN(1500))*time.Millisecond, func() { x.Reboot(200 * time.Millisecond) })
	}
	return list
}
