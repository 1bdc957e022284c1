package app

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// now is the clock that a replica decides by and puts on its records.
func now() time.Time { return time.Now() }

// How the clock is watched. Every record carries the time of its writer, and no replica decides by a time before that of the newest
// one: a record from minutes ahead would stop all others for as long. The bound is far above what clocks differ by that are kept
// in step at all.
const (
	clockWithin = 2 * time.Second
	clockEvery  = 2 * time.Second
)

// clock suspends the replica while its clock is not that of the bus.
type clock struct {
	ahead   func(context.Context, func() time.Time) (time.Duration, error) // ledger.Ledger.Ahead
	suspend func(why string)
	log     *zap.Logger
}

// run looks again and again until ctx ends.
func (c *clock) run(ctx context.Context) error {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := c.look(ctx); err != nil && ctx.Err() == nil {
				c.log.Warn("what was found of the clock before stays in force", zap.Error(err))
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// look compares once, for as long as it takes to get an answer.
func (c *clock) look(ctx context.Context) error {
	ahead, err := c.ahead(ctx, now)
	switch {
	case err != nil:
		return fmt.Errorf("compare the clock with that of the bus: %w", err)
	case ahead.Abs() <= clockWithin:
		c.suspend("")
	case ahead > 0:
		c.suspend(fmt.Sprintf("its clock is %s ahead of that of the bus, more than %s: let NTP set it", ahead.Round(time.Millisecond), clockWithin))
	default:
		c.suspend(fmt.Sprintf("its clock is %s behind that of the bus, more than %s: let NTP set it", ahead.Abs().Round(time.Millisecond), clockWithin))
	}
	return nil
}
