package device

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/events"
)

// Every code there is has exactly one meaning once the request has left.
func TestClassify(t *testing.T) {
	no := func(class events.RefusalClass) verdict { return verdict{ending: refused, class: class} }
	want := map[codes.Code]verdict{
		codes.OK:                 {ending: acknowledged},
		codes.Canceled:           {ending: unknown},
		codes.DeadlineExceeded:   {ending: unknown},
		codes.Unavailable:        {ending: unknown},
		codes.Unknown:            {ending: doubtful},
		codes.Internal:           {ending: doubtful},
		codes.DataLoss:           {ending: doubtful},
		codes.ResourceExhausted:  {ending: doubtful},
		codes.Aborted:            no(events.RefusedByRouter),
		codes.AlreadyExists:      no(events.RefusedByRouter),
		codes.Unauthenticated:    no(events.RefusedByRouter),
		codes.PermissionDenied:   no(events.RefusedByFence),
		codes.FailedPrecondition: no(events.RefusedByForeign),
		codes.InvalidArgument:    no(events.RefusedInvalid),
		codes.NotFound:           no(events.RefusedInvalid),
		codes.OutOfRange:         no(events.RefusedInvalid),
		codes.Unimplemented:      no(events.RefusedInvalid),
	}
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		w, ok := want[code]
		if !ok {
			t.Fatalf("%s has no meaning", code)
		}
		if code != codes.OK {
			w.code = code.String()
		}
		if got := classify(status.Error(code, "x"), true, true); got != w {
			t.Errorf("%s: %+v, want %+v", code, got, w)
		}
	}
	if got := classify(status.Error(codes.PermissionDenied, "x"), true, false); got.class != events.RefusedByRouter {
		t.Errorf("permission denied without a fence: %+v", got)
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		got := classify(status.Error(code, "x"), false, true)
		class := events.RefusedUnsent
		if code == codes.DeadlineExceeded {
			class = events.RefusedLate
		}
		if got.ending != refused || got.class != class {
			t.Errorf("%s before it was sent: %+v, want %s", code, got, class)
		}
	}
}

func TestCompare(t *testing.T) {
	p, err := profileNamed("")
	if err != nil {
		t.Fatal(err)
	}
	four := events.LeafRef{Leaf: events.ISISMetric, Interface: "i", Level: 2, Family: events.IPv4}
	six := events.LeafRef{Leaf: events.ISISMetric, Interface: "i", Level: 2, Family: events.IPv6}
	change := events.Change{Settings: []events.Setting{
		{LeafRef: four, Before: events.UintValue(20), After: events.UintValue(softMetric)},
		{LeafRef: six, After: events.UintValue(softMetric)},
	}}
	values := func(v4, v6 uint64) map[events.LeafRef]events.Value {
		m := map[events.LeafRef]events.Value{four: events.UintValue(v4)}
		if v6 != 0 {
			m[six] = events.UintValue(v6)
		}
		return m
	}
	for _, c := range []struct {
		v4, v6 uint64
		want   events.Seen
	}{
		{20, 0, events.SeenBefore}, {20, 10, events.SeenBefore}, {softMetric, softMetric, events.SeenAfter},
		{softMetric, 0, events.SeenOther}, {20, softMetric, events.SeenOther}, {20, 11, events.SeenOther}, {21, 0, events.SeenOther},
	} {
		if got := p.compare(change, values(c.v4, c.v6)); got != c.want {
			t.Errorf("%d and %d: %s, want %s", c.v4, c.v6, got, c.want)
		}
	}
}
