package detector

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
)

// TestReportUntilStored wants an anomaly published until it is stored, and then no more than now and then.
func TestReportUntilStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := Quick()
		judge := NewJudge(limits, []Port{here})
		attempts, ids := 0, map[string]bool{}
		publish := func(_ context.Context, list []events.Event) error {
			attempts++
			for _, e := range list {
				ids[e.ID] = true
			}
			if attempts < 3 {
				return errors.New("the bus is away")
			}
			return nil
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go report(ctx, judge, publish, zap.NewNop())
		time.Sleep(time.Second)
		synctest.Wait()
		if attempts != 0 {
			t.Fatalf("%d attempts, and nothing to say", attempts)
		}
		judge.Overload("r1", time.Now(), true)
		time.Sleep(10 * limits.Repeat)
		synctest.Wait()
		if attempts != 3 || len(ids) != 3 {
			t.Errorf("%d attempts with %d identities, want 3 of each", attempts, len(ids))
		}
		judge.Overload("r1", time.Now(), false)
		time.Sleep(10 * limits.Repeat)
		synctest.Wait()
		if attempts != 4 {
			t.Errorf("%d attempts, want one more for its end", attempts)
		}
	})
}
