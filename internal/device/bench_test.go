package device

import (
	"fmt"
	"testing"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

// BenchmarkDrain measures what lies between a decision and the Set, and the Set with its read-back.
func BenchmarkDrain(b *testing.B) {
	topology := triangle()
	net, err := backbone.Start(backbone.Config{Topology: topology})
	if err != nil {
		b.Fatal(err)
	}
	defer net.Close()
	routers, err := net.Inventory(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	fleet, err := NewFleet(&network.Topology{Routers: routers, Links: topology.Links}, Options{Logger: zap.NewNop()})
	if err != nil {
		b.Fatal(err)
	}
	defer fleet.Close()
	link := topology.Links[0]
	target := events.Target{Kind: events.TargetLink, Name: link.Name, Ends: []events.End{
		{Device: link.A.Device, Interface: link.A.Interface}, {Device: link.B.Device, Interface: link.B.Interface},
	}}
	facts := fleet.Observe(b.Context(), target)
	change := events.Change{Device: "a"}
	for _, leaf := range facts.Ends[0].Leaves {
		change.Settings = append(change.Settings, events.Setting{LeafRef: leaf.LeafRef, Before: leaf.Config, After: events.UintValue(softMetric)})
	}
	b.Run("Observe", func(b *testing.B) {
		for b.Loop() {
			fleet.Observe(b.Context(), target)
		}
	})
	fence := uint64(0)
	b.Run("Set", func(b *testing.B) {
		for b.Loop() {
			fence++
			order := events.Order{
				Incident: "bench", Mode: events.Live, Act: events.Act{Fence: fence}, Change: change, ReadAt: time.Now(), Deadline: time.Now().Add(time.Minute),
			}
			if body := fleet.Set(b.Context(), order, granted); body.Kind() != events.KindApplied {
				b.Fatalf("%+v", body)
			}
			change = change.Undo()
		}
	})
	b.Run("validate", func(b *testing.B) {
		s := loadedSchema(b)
		p, err := profileNamed("")
		if err != nil {
			b.Fatal(err)
		}
		path, value := p.paths.metric.fill(place{"DEFAULT", "CORE"}.names(change.Settings[0].LeafRef)), ietf("16777214")
		for b.Loop() {
			if err := s.validate(path, value); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkTakeCounters is one round of the counters' stream of a router with 64 interfaces, leaf by leaf.
func BenchmarkTakeCounters(b *testing.B) {
	p, at := openConfigPaths(), time.Unix(1_000_000, 0)
	n := &gnmi.Notification{}
	for port := range 64 {
		for _, leaf := range []string{"in-octets", "out-octets", "in-pkts", "out-pkts", "in-errors", "out-errors", "in-discards", "out-discards"} {
			path, err := ygot.StringToStructuredPath(fmt.Sprintf("/interfaces/interface[name=ethernet-1/%d]/state/counters/%s", port, leaf))
			if err != nil {
				b.Fatal(err)
			}
			n.Update = append(n.Update, &gnmi.Update{Path: path, Val: &gnmi.TypedValue{Value: &gnmi.TypedValue_UintVal{UintVal: 1}}})
		}
	}
	c := newCache(10 * time.Second)
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Second)
		n.Timestamp = at.UnixNano()
		c.takeCounters(p, n, at)
	}
}
