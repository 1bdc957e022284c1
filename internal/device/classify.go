package device

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/events"
)

// ending is what the answer to a Set says about the router's configuration.
type ending int

const (
	acknowledged ending = iota // the router says that it applied it: believed once it is read back
	doubtful                   // the router says that something went wrong in a way that decides nothing: read back
	refused                    // certainly not applied
	unknown                    // nobody can tell, and a read-back now could not either: it may still be applied
)

// verdict is one answer, classified.
type verdict struct {
	ending ending
	class  events.RefusalClass // when refused
	code   string              // gRPC status code, "" for OK
}

// classify decides what the answer to a Set means. sent says whether the request had left this process, fenced whether it
// carried a master arbitration.
//
// The rules are gNMI's (specification 3.4.7: Aborted is any failed transaction) where routers keep them, and otherwise
// what routers were seen to do: Internal and Unknown stand for ordinary commit errors on some, and on others for a
// failure after the commit.
func classify(err error, sent, fenced bool) verdict {
	code := status.Code(err)
	if err == nil {
		return verdict{ending: acknowledged}
	}
	v := verdict{ending: refused, class: events.RefusedByRouter, code: code.String()}
	if !sent {
		v.class = events.RefusedUnsent
		if code == codes.DeadlineExceeded {
			v.class = events.RefusedLate
		}
		return v
	}
	switch code {
	case codes.DeadlineExceeded, codes.Canceled, codes.Unavailable:
		v.ending = unknown
	case codes.Aborted, codes.Unauthenticated, codes.AlreadyExists:
	case codes.PermissionDenied:
		if fenced {
			v.class = events.RefusedByFence
		}
	case codes.FailedPrecondition:
		v.class = events.RefusedByForeign
	case codes.InvalidArgument, codes.NotFound, codes.OutOfRange, codes.Unimplemented:
		v.class = events.RefusedInvalid
	default: // Internal, Unknown, DataLoss, ResourceExhausted (which may also mean a reply too large to take)
		v.ending = doubtful
	}
	if v.ending != refused {
		v.class = ""
	}
	return v
}

// compare says how leaves that were read stand against a change. Where a leaf's pre-image is also its new value, it
// counts as set.
func (p profile) compare(change events.Change, values map[events.LeafRef]events.Value) events.Seen {
	before, after := true, true
	for _, set := range change.Settings {
		got := values[set.LeafRef]
		before = before && p.same(set.LeafRef, set.Before, got)
		after = after && p.same(set.LeafRef, set.After, got)
	}
	switch {
	case after:
		return events.SeenAfter
	case before:
		return events.SeenBefore
	}
	return events.SeenOther
}
