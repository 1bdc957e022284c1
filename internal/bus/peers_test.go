package bus

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

// hears has p hear beats of processes, with their ranks.
func hears(t *testing.T, p *Peers, beats ...beat) {
	t.Helper()
	for _, b := range beats {
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		p.take(&nats.Msg{Data: raw})
	}
}

// TestPeersSure wants a process that is not heard to be called gone only by one that has heard its own beats for as long as
// another's may be missing.
func TestPeersSure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeers("r0/a", 1, nil)
		says := func(me string, rank int) beat { return beat{Me: me, Rank: rank, CanTake: new(bool)} }
		b, c := says("r1/b", 0), says("r2/c", 2)
		beats := func(seconds int, who ...beat) {
			t.Helper()
			for range seconds {
				hears(t, p, who...)
				<-time.After(beatEvery)
			}
		}
		check := func(when string, sure bool, alive ...string) {
			t.Helper()
			if got := p.Alive(); p.Sure() != sure || !slices.Equal(got, alive) {
				t.Errorf("%s: sure %t, want %t; alive %v, want %v", when, p.Sure(), sure, got, alive)
			}
		}
		check("before anything is heard", false, "r0/a")
		beats(5, b)
		check("others alone are heard", false, "r1/b", "r0/a")
		beats(3, p.me)
		check("for as long as another may be missing", false, "r0/a")
		beats(1, p.me)
		check("longer", true, "r0/a")
		<-time.After(2 * time.Second)
		check("its own beats are missing", false, "r0/a")
		beats(1, p.me, b)
		check("they are back", false, "r1/b", "r0/a")
		beats(3, p.me, c)
		check("for longer", true, "r0/a", "r2/c")
		hears(t, p, beat{}, beat{Me: "r3/" + string(make([]byte, 1024))})
		p.take(&nats.Msg{Data: []byte("{")})
		check("after what is no beat", true, "r0/a", "r2/c")
	})
}

// TestPeersHearEachOther has two processes beat over a real server.
func TestPeersHearEachOther(t *testing.T) {
	srv, err := Embedded(t.TempDir(), Options{Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Shutdown(context.Background()) })
	ctx, cancel := context.WithCancel(t.Context())
	var beating sync.WaitGroup
	defer beating.Wait()
	defer cancel()
	var peers []*Peers
	for rank, me := range []string{"r0/a", "r1/b"} {
		conn, err := Connect(Config{Server: srv})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		if err := conn.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		p := conn.Peers("plane 1", me, rank, func() bool { return true })
		peers = append(peers, p)
		beating.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	want := []string{"r0/a", "r1/b"}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); ; <-tick.C {
		first, _ := peers[0].Taking()
		second, _ := peers[1].Taking()
		if slices.Equal(peers[0].Alive(), want) && slices.Equal(peers[1].Alive(), want) && peers[0].Sure() && peers[1].Sure() && first && !second {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("they hear %v and %v, sure %t and %t, take in %t and %t: %s", peers[0].Alive(), peers[1].Alive(), peers[0].Sure(), peers[1].Sure(), first, second, cmp.Diff(want, peers[0].Alive()))
		}
	}
}
