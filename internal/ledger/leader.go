package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// unheard is for how long the leader of a stream may not have heard from another server for that one to count as its follower.
// It hears from each at least once a second, and no server calls an election before it has heard no leader for four.
const unheard = 3 * time.Second

// ledInfo asks once how the stream stands. It takes no answer but that of a leader whom most servers follow, since no other knows
// how far the stream reaches: while there is no leader every server answers with as much as it has been sent, and one that was cut
// off from the others goes on as their leader for up to ten seconds.
func (l *Ledger) ledInfo(ctx context.Context) (*jetstream.StreamInfo, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return nil, err
	}
	return info, led(info.Cluster)
}

// led says why an answer is not that of a leader whom most servers follow.
func led(c *jetstream.ClusterInfo) error {
	if c == nil {
		return nil
	}
	if c.Leader == "" {
		return errors.New("the stream has no leader now, and whoever answers may hold less than is stored")
	}
	follow := 0
	for _, r := range c.Replicas {
		if r.Active > 0 && r.Active <= unheard { // 0: it was never heard
			follow++
		}
	}
	if servers := 1 + len(c.Replicas); 2*(1+follow) <= servers {
		return fmt.Errorf("%s leads the stream, and hears only %d of the %d other servers: it may have been replaced", c.Leader, follow, servers-1)
	}
	return nil
}
