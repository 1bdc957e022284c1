package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/policy"
)

// Offer is what a policy's file was found to hold.
type Offer struct {
	Policy *policy.Policy // to decide by from now on; nil: what is there cannot be used
	Source string         // the file, for the record
	Bytes  events.Digest  // of its content when that cannot be used, "" when it could not be read
	Err    error          // why it cannot be used
}

// why is why there is no policy, for people; "" when there is one.
func (o Offer) why() string {
	if o.Policy != nil {
		return ""
	}
	return clip(o.Err.Error(), events.MaxRefusal)
}

// Offer hands over what the policy's file holds now. The newest offer counts; it is put on the ledger, and a policy comes
// into force when its record is folded: between two decisions, and never while the ledger takes nothing. Until then, and
// after an offer without a policy, the one of before decides. Offer returns before that.
func (w *Worker) Offer(ctx context.Context, o Offer) error {
	select {
	case w.offers <- o:
		return nil
	case <-w.gone:
		return errors.New("offer a policy: this replica is ending")
	case <-ctx.Done():
		return fmt.Errorf("offer a policy: %w", ctx.Err())
	}
}

// PolicyInForce is the policy by which this replica decides now.
func (w *Worker) PolicyInForce() *policy.Policy {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.policy
}

// consider notes an offer, and has it recorded.
func (w *Worker) consider(o Offer) {
	w.mu.Lock()
	w.offered = o
	w.mu.Unlock()
	if o.Policy == nil {
		w.log.Error("the policy is not taken, the one of before stays in force", zap.String("file", o.Source), zap.String("in_force", w.policy.Digest().Short()), zap.Error(o.Err))
	}
	w.world.orders = append(w.world.orders, w.declare())
}

// errStands says that the ledger holds already what was to be recorded.
var errStands = errors.New("it stands on the ledger")

// declare is the worker's own order to record the newest offer, unless that stands.
func (w *Worker) declare() order {
	var taken Offer
	return order{
		do: func(b *incident.Board, _ time.Time) ([]events.Record, error) {
			taken = w.offered
			course := b.Policies()[w.Name]
			if taken.Policy == nil {
				r := events.PolicyRefused{Source: taken.Source, Bytes: taken.Bytes, Why: taken.why(), InForce: w.policy.Digest()}
				if course.Refused != nil && *course.Refused == r {
					return nil, errStands
				}
				return []events.Record{{Body: r}}, nil
			}
			r := events.PolicyLoaded{Digest: taken.Policy.Digest(), Mode: w.Mode, Source: taken.Source}
			if course.Refused == nil && course.Loaded == r && w.policy.Digest() == r.Digest {
				return nil, errStands
			}
			return []events.Record{{Body: r}}, nil
		},
		then: func() { w.adopt(taken.Policy) },
	}
}

// adopt puts a recorded policy in force, nil for none. It is called while the record is folded. What was seen, and forecast,
// was seen for the policy of before.
func (w *Worker) adopt(p *policy.Policy) {
	if p == nil {
		return
	}
	if p.Digest() != w.policy.Digest() {
		clear(w.world.facts)
		w.world.ruled = w.board.Position
	}
	w.policy = p
	w.log.Info("policy in force", zap.String("digest", p.Digest().Short()), zap.Uint64("position", w.board.Position))
}

// clip shortens a text to at most limit bytes, at the end of a line if it has several.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const rest = "\n..."
	text = text[:limit-len(rest)]
	if end := strings.LastIndexByte(text, '\n'); end > 0 {
		return text[:end] + rest
	}
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + rest
}
