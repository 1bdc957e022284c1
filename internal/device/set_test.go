package device

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
)

func applied(sets int) events.Applied { return events.Applied{Sets: sets} }

func refusedAs(class events.RefusalClass, code string, sets int) events.Refused {
	return events.Refused{Class: class, Code: code, Sets: sets, Detail: "any"}
}

func TestSetDrainsBothFamiliesInOneRequest(t *testing.T) {
	l := startLab(t, labSetup{idle: true})
	ctx := t.Context()
	order := l.drain(ctx)
	l.Proven(events.Proved{Device: "a", Bars: []events.Bar{events.BarArbitration, events.BarDeadline}})
	body, ok := l.Set(ctx, order, granted).(events.Applied)
	if !ok || body.Sets != 1 || body.Act != order.Act {
		t.Fatalf("Set: %+v", body)
	}
	if len(body.Bars) != 2 || body.Bars[0] != events.BarArbitration || body.Bars[1] != events.BarDeadline {
		t.Errorf("bars %v", body.Bars)
	}
	l.expectMetrics(softMetric, softMetric)
	sets := l.net.Sets()
	if len(sets) != 1 || len(sets[0].Changes) != 2 {
		t.Fatalf("sets: %+v", sets)
	}
	for _, u := range sets[0].Request.GetUpdate() {
		if u.GetPath().GetOrigin() != "openconfig" || string(u.GetVal().GetJsonIetfVal()) != "16777214" {
			t.Errorf("update %v", u)
		}
	}
	if _, low, _ := l.a().Master(events.Identity); low != order.Fence {
		t.Errorf("mastership %d, want the fence %d", low, order.Fence)
	}

	l.expectSet(ctx, l.undoing(order), applied(1))
	l.expectMetrics(10, 10)
	l.expectSet(ctx, l.undoing(order), applied(0))
	if n := l.net.SetCount("a").Effective; n != 2 {
		t.Errorf("%d effective sets, want 2", n)
	}
}

func TestSetOutcomes(t *testing.T) {
	const soft = softMetric
	for name, c := range map[string]struct {
		behaviour backbone.Behaviour
		want      events.Body
		v4, v6    uint32
	}{
		"aborted":             {backbone.Refuse(codes.Aborted, "commit failed"), refusedAs(events.RefusedByRouter, "Aborted", 1), 10, 10},
		"unauthenticated":     {backbone.Refuse(codes.Unauthenticated, "no"), refusedAs(events.RefusedByRouter, "Unauthenticated", 1), 10, 10},
		"permission denied":   {backbone.Refuse(codes.PermissionDenied, "no"), refusedAs(events.RefusedByFence, "PermissionDenied", 1), 10, 10},
		"failed precondition": {backbone.Refuse(codes.FailedPrecondition, "locked"), refusedAs(events.RefusedByForeign, "FailedPrecondition", 1), 10, 10},
		"invalid argument":    {backbone.Refuse(codes.InvalidArgument, "no"), refusedAs(events.RefusedInvalid, "InvalidArgument", 1), 10, 10},
		"not found":           {backbone.Refuse(codes.NotFound, "no"), refusedAs(events.RefusedInvalid, "NotFound", 1), 10, 10},
		"out of range":        {backbone.Refuse(codes.OutOfRange, "no"), refusedAs(events.RefusedInvalid, "OutOfRange", 1), 10, 10},
		"unimplemented":       {backbone.Refuse(codes.Unimplemented, "no"), refusedAs(events.RefusedInvalid, "Unimplemented", 1), 10, 10},
		"already exists":      {backbone.Refuse(codes.AlreadyExists, "no"), refusedAs(events.RefusedByRouter, "AlreadyExists", 1), 10, 10},
		"internal, unchanged": {backbone.Refuse(codes.Internal, "commit"), refusedAs(events.RefusedByRouter, "Internal", 1), 10, 10},
		"unknown, unchanged":  {backbone.Refuse(codes.Unknown, "commit"), refusedAs(events.RefusedByRouter, "Unknown", 1), 10, 10},
		"exhausted":           {backbone.Refuse(codes.ResourceExhausted, "x"), refusedAs(events.RefusedByRouter, "ResourceExhausted", 1), 10, 10},
		"unavailable after":   {backbone.Refuse(codes.Unavailable, "gone"), events.Unknown{Code: "Unavailable", Sets: 1}, 10, 10},
		"canceled by router":  {backbone.Refuse(codes.Canceled, "gone"), events.Unknown{Code: "Canceled", Sets: 1}, 10, 10},
		"lost reply":          {backbone.LoseReply(), events.Unknown{Code: "Unavailable", Sets: 1}, soft, soft},
		"cut after commit":    {backbone.CutAfterCommit(), events.Unknown{Code: "Unavailable", Sets: 1}, soft, soft},
		"acknowledged only":   {backbone.Ignore(), refusedAs(events.RefusedByRouter, "", 1), 10, 10},
		"half applied":        {backbone.FirstOnly(), events.Unknown{Sets: 1}, soft, 10},
		"not programmed":      {backbone.NotProgrammed(), applied(1), soft, soft},
		"slow":                {backbone.Delay(30 * time.Millisecond), applied(1), soft, soft},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true})
			order := l.drain(t.Context())
			l.a().OnSet(backbone.Any, c.behaviour)
			l.expectSet(t.Context(), order, c.want)
			l.expectMetrics(c.v4, c.v6)
			if sets := len(l.net.Sets()); sets > 1 {
				t.Errorf("%d sets reached the router, want at most 1: nothing is sent twice", sets)
			}
		})
	}
}

func TestSetThatIsNotAnswered(t *testing.T) {
	l := startLab(t, labSetup{idle: true})
	order := l.drain(t.Context())
	l.unanswered(t.Context(), &order, l.a().OnSet(backbone.Any, backbone.Hang()))
	l.expectMetrics(10, 10)
}

func TestSetThatLeavesNothing(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		alter  func(*lab, *events.Order)
		permit func() error
		want   events.Body
	}{
		"too late": {alter: func(_ *lab, o *events.Order) { o.Deadline = time.Now().Add(-time.Millisecond) },
			want: refusedAs(events.RefusedLate, "", 0)},
		"not permitted": {permit: forbidden, want: refusedAs(events.RefusedByPermit, "", 0)},
		"unknown router": {alter: func(_ *lab, o *events.Order) { o.Change.Device = "nowhere" },
			want: refusedAs(events.RefusedInvalid, "", 0)},
		"nothing to set": {alter: func(_ *lab, o *events.Order) { o.Change.Settings = nil },
			want: refusedAs(events.RefusedInvalid, "", 0)},
		"no such interface": {alter: func(_ *lab, o *events.Order) { o.Change.Settings[0].Interface = "ethernet-9/9" },
			want: refusedAs(events.RefusedInvalid, "", 0)},
		"no such interface, read again": {alter: func(_ *lab, o *events.Order) {
			o.Change.Settings[0].Interface, o.ReadAt = "ethernet-9/9", time.Time{}
		}, want: refusedAs(events.RefusedByChanged, "", 0)},
		"level that does not run": {alter: func(_ *lab, o *events.Order) { o.Change.Settings[0].Level = 1 },
			want: refusedAs(events.RefusedInvalid, "", 0)},
		"leaf without a path": {alter: func(_ *lab, o *events.Order) { o.Change.Settings[0].Leaf = "te-metric" },
			want: refusedAs(events.RefusedInvalid, "", 0)},
		"above every metric": {alter: func(_ *lab, o *events.Order) { o.Change.Settings[0].After = events.UintValue(1 << 24) },
			want: refusedAs(events.RefusedInvalid, "", 0)},
		"metric nought": {alter: func(_ *lab, o *events.Order) { o.Change.Settings[0].After = events.UintValue(0) },
			want: refusedAs(events.RefusedInvalid, "", 0)},
		"a fraction": {alter: func(_ *lab, o *events.Order) { o.Change.Settings[0].After = events.JSONValue("1.5") },
			want: refusedAs(events.RefusedInvalid, "", 0)},
		"a name where the schema has a number": {alter: func(_ *lab, o *events.Order) {
			o.Change.Settings[0].After = events.JSONValue(`"GLOBAL_METRIC"`)
		}, want: refusedAs(events.RefusedInvalid, "", 0)},
		"changed by somebody": {alter: func(l *lab, o *events.Order) {
			o.ReadAt = time.Now().Add(-2 * time.Second)
			if err := l.a().Configure(l.metricPath("IPV4"), "77"); err != nil {
				l.t.Fatal(err)
			}
		}, want: refusedAs(events.RefusedByChanged, "", 0)},
		"pre-image unreadable": {alter: func(l *lab, o *events.Order) {
			o.ReadAt = time.Time{}
			l.a().SetUnreachable(true)
		}, want: refusedAs(events.RefusedUnsent, "", 0)},
		"unreachable": {alter: func(l *lab, _ *events.Order) { l.a().SetUnreachable(true) },
			want: refusedAs(events.RefusedUnsent, "Unavailable", 0)},
		"wrong certificate": {alter: func(l *lab, _ *events.Order) { l.a().PresentWrongCertificate(true) },
			want: refusedAs(events.RefusedUnsent, "Unavailable", 0)},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true})
			order := l.drain(ctx)
			if c.alter != nil {
				c.alter(l, &order)
			}
			permit := granted
			if c.permit != nil {
				permit = c.permit
			}
			// The channel notices a cut by itself; a Set that meets it before that is unknown, and rightly so.
			eventually(t, "the channel is settled", func() bool {
				return name != "unreachable" && name != "wrong certificate" || l.sessions["a"].conn.GetState().String() != "READY"
			})
			got := l.Set(ctx, order, permit)
			if g, w := l.essence(got), l.essence(c.want); g != w {
				t.Errorf("got %+v want %+v: %+v", g, w, got)
			}
			if n := l.net.SetCount("").Accepted; n != 0 {
				t.Errorf("%d Sets were accepted", n)
			}
		})
	}
}

func TestSetNeedsNoReadOfAFreshPreImage(t *testing.T) {
	l := startLab(t, labSetup{idle: true})
	order := l.drain(t.Context())
	l.a().RefuseGet(codes.Internal, "broken")
	l.a().SetLatency(0)
	l.expectSet(t.Context(), order, applied(1)) // the read-back goes by Subscribe
	l.expectMetrics(softMetric, softMetric)
}

func TestOnlyOneActuationAtATime(t *testing.T) {
	l := startLab(t, labSetup{idle: true})
	order := l.drain(t.Context())
	hang := l.a().OnSet(backbone.Any, backbone.CommitLate(0))
	first := make(chan events.Body, 1)
	go func() { first <- l.Set(t.Context(), order, granted) }()
	eventually(t, "the first Set is under way", func() bool { return hang.Hits() == 1 })

	second := order
	second.Deadline = time.Now().Add(50 * time.Millisecond)
	l.expectSet(t.Context(), second, refusedAs(events.RefusedLate, "", 0))
	hang.Release()
	if body := <-first; body.Kind() != events.KindApplied {
		t.Errorf("first: %+v", body)
	}
	if hang.Hits() != 1 {
		t.Errorf("%d Sets reached the router", hang.Hits())
	}
}
