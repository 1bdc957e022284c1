package ledgertest

import (
	"context"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Faulty puts a fault between a client and JetStream. It lasts from the first publish until Heal, which the harness
// calls when the append has returned; everything else passes.
type faulty struct {
	jetstream.JetStream
	fault  Fault
	active atomic.Bool
}

func newFaulty(js jetstream.JetStream, f Fault) *faulty {
	return &faulty{JetStream: js, fault: f}
}

// PublishMsg suffers the fault.
func (f *faulty) PublishMsg(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if !f.active.Load() {
		return f.JetStream.PublishMsg(ctx, msg, opts...)
	}
	switch f.fault {
	case Down:
		return nil, nats.ErrReconnectBufExceeded
	case Vanishes:
		<-ctx.Done()
		return nil, ctx.Err()
	case AckLost:
		f.active.Store(false) // one answer is lost
	}
	if _, err := f.JetStream.PublishMsg(ctx, msg, opts...); err != nil {
		return nil, err
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// Stream hands out a stream that suffers the fault too.
func (f *faulty) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := f.JetStream.Stream(ctx, name)
	return &faultyStream{Stream: s, f: f}, err
}

type faultyStream struct {
	jetstream.Stream
	f *faulty
}

// GetMsg finds nothing out while the bus is dark.
func (s *faultyStream) GetMsg(ctx context.Context, seq uint64, opts ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	if s.f.active.Load() && s.f.fault != AckLost {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Stream.GetMsg(ctx, seq, opts...)
}
