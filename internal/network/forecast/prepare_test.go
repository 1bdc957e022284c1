package forecast_test

import (
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
)

// prepare calls Prepare until there is nothing more to do.
func prepare(t *testing.T, f *forecast.Forecaster, s network.State) (calls int) {
	t.Helper()
	for calls = 1; f.Prepare(s); calls++ {
		if calls > 100 {
			t.Fatal("it never ends")
		}
	}
	return calls
}

// TestPrepare has the answers about all links ready in one network, then in another, then in the first again; they are those
// that a Forecaster gives that was not prepared.
func TestPrepare(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	base := model(t, top, m)
	f := forecast.New(top)
	first := top.Links[0].Name
	if _, ready := f.Ready(first, seen(top, base)); ready || f.Prepare(seen(top, base)) {
		t.Error("something is ready, or to be prepared, without a traffic matrix")
	}
	f.Use(m)
	state := seen(top, base)
	prepare(t, f, state)
	if n := forecast.Answers(f); n != len(top.Links) {
		t.Errorf("%d answers are ready, want one for each of %d links", n, len(top.Links))
	}
	if calls := prepare(t, f, state); calls != 1 {
		t.Errorf("with everything done it was called %d times", calls)
	}
	drained, err := base.Apply(whatif.SoftDrain(first))
	if err != nil {
		t.Fatal(err)
	}
	without := edit(seen(top, drained), first, drain)
	prepare(t, f, without)
	if n := forecast.Answers(f); n != len(top.Links)-1 {
		t.Errorf("beside a drain %d answers are ready, want %d", n, len(top.Links)-1)
	}
	for _, s := range []network.State{without, state} {
		prepare(t, f, s)
		for _, l := range top.Links {
			fresh := forecast.New(top)
			fresh.Use(m)
			want := fresh.Link(l.Name, s)
			if diff := cmp.Diff(want, f.Link(l.Name, s)); diff != "" {
				t.Errorf("%s (-fresh +prepared):\n%s", l.Name, diff)
			}
			switch p, ready := f.Ready(l.Name, s); {
			case ready != (l.Name != first || !cmp.Equal(s, without)):
				t.Errorf("%s: ready is %t", l.Name, ready)
			case ready:
				if diff := cmp.Diff(want, p); diff != "" {
					t.Errorf("%s (-fresh +ready):\n%s", l.Name, diff)
				}
			}
		}
	}
	if _, ready := f.Ready(first, without); ready {
		t.Error("the answer about a link that is drained is ready")
	}
	f.Use(matrix(t, top, offered/2))
	if _, ready := f.Ready(first, state); ready {
		t.Error("with other traffic an answer is ready before it was computed")
	}
	prepare(t, f, state)
	fresh := forecast.New(top)
	fresh.Use(matrix(t, top, offered/2))
	if diff := cmp.Diff(fresh.Link(first, state), f.Link(first, state)); diff != "" {
		t.Errorf("with other traffic (-fresh +prepared):\n%s", diff)
	}
}

// TestPrepareWhatCannotBe has networks that cannot be forecast: Prepare says that there is nothing to do.
func TestPrepareWhatCannotBe(t *testing.T) {
	top := backbone.Abilene()
	m := matrix(t, top, offered)
	f := forecast.New(top)
	f.Use(m)
	state := seen(top, model(t, top, m))
	for _, l := range top.Links {
		state = edit(state, l.Name, drain)
	}
	if f.Prepare(state) {
		t.Error("every link is drained, and there is something to prepare")
	}
}

// TestReadyIsLink holds what is ready, in a network that goes through whatever may happen to one, against the answer of a
// Forecaster that knows of nothing before: it is the same, its digest too.
func TestReadyIsLink(t *testing.T) {
	const networks = 30
	ready, not := 0, 0
	for seed := range uint64(networks) {
		r := rand.New(rand.NewPCG(seed, 43))
		top := random(r)
		m := matrix(t, top, 1+r.Int64N(20_000_000_000))
		state := seen(top, model(t, top, m))
		if seed%2 == 1 {
			top, m = apart(t, r)
			state = shown(top, topologies(t, top, m, nil), nil)
		}
		f, limits := forecast.New(top), whatif.DefaultLimits()
		f.Use(m)
		before := state // all in service
		for range 8 {
			state.Links, state.Routers = maps.Clone(state.Links), maps.Clone(state.Routers)
			switch name := top.Links[r.IntN(len(top.Links))].Name; r.IntN(9) {
			case 0, 1:
				edit(state, name, drain)
			case 2:
				edit(state, name, func(l *network.LinkState) { l.A.Down = !l.A.Down })
			case 3:
				edit(state, name, func(l *network.LinkState) { l.B.Load.BPS += r.Int64N(1e9) })
			case 4:
				edit(state, name, func(l *network.LinkState) { l.B.At = l.B.At.Add(-time.Second) })
			case 5:
				if r.IntN(3) == 0 {
					edit(state, name, func(l *network.LinkState) { l.A = network.EndState{} })
				}
			case 6:
				over := r.IntN(2) == 0
				state.Routers[top.Routers[r.IntN(len(top.Routers))].Name] = network.RouterState{At: now, Overload: &over}
			case 7:
				limits.Permil = 300 + r.Int64N(1000)
				f.Limit(limits)
			case 8:
				state = before
			}
			state.At = state.At.Add(time.Duration(r.IntN(2)) * time.Second)
			for range r.IntN(len(top.Links) + 2) {
				f.Prepare(state)
			}
			fresh := forecast.New(top)
			fresh.Use(m)
			fresh.Limit(limits)
			for _, l := range top.Links {
				p, is := f.Ready(l.Name, state)
				if !is {
					not++
					continue
				}
				ready++
				if diff := cmp.Diff(fresh.Link(l.Name, state), p); diff != "" || p.Inputs == "" {
					t.Fatalf("seed %d, %s (-computed +ready):\n%s", seed, l.Name, diff)
				}
			}
		}
	}
	t.Logf("%d answers were ready, %d were not", ready, not)
	if ready < networks || not < networks {
		t.Error("the test shows less than it should")
	}
}
