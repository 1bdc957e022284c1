package device

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc/stats"
)

// sentWatch notes at the transport whether a request was handed over for sending. An RPC that failed before that
// certainly did not reach the router; of one that failed after it nobody knows.
type sentWatch struct{}

type sentKey struct{}

// watchSent returns a context for one RPC and the flag that is raised once its request has left.
func watchSent(ctx context.Context) (context.Context, *atomic.Bool) {
	flag := &atomic.Bool{}
	return context.WithValue(ctx, sentKey{}, flag), flag
}

// HandleRPC implements stats.Handler. grpc reports OutPayload only after the transport has taken the whole message.
func (sentWatch) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, ok := s.(*stats.OutPayload); !ok {
		return
	}
	if flag, ok := ctx.Value(sentKey{}).(*atomic.Bool); ok {
		flag.Store(true)
	}
}

// TagRPC implements stats.Handler.
func (sentWatch) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn implements stats.Handler.
func (sentWatch) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (sentWatch) HandleConn(context.Context, stats.ConnStats) {}
