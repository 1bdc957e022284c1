package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus/streams"
)

// Limits bound the streams of anomalies and of rejected messages when Detour makes them.
type Limits struct {
	MaxAge   time.Duration // of a message, 7 days if 0; rejected ones are kept four times as long
	MaxBytes int64         // of each stream, 1 GiB if 0; the oldest messages go first
	Replicas int           // copies, at least: 1 if 0
}

func (l Limits) withDefaults() Limits {
	if l.MaxAge == 0 {
		l.MaxAge = 7 * 24 * time.Hour
	}
	if l.MaxBytes == 0 {
		l.MaxBytes = 1 << 30
	}
	if l.Replicas == 0 {
		l.Replicas = 1
	}
	return l
}

// duplicates is for how long the bus knows the id of an anomaly and takes a second one for the same. Detour itself
// knows them for longer.
const duplicates = 2 * time.Minute

func (l Limits) streams() []jetstream.StreamConfig {
	return []jetstream.StreamConfig{{
		Name: events.StreamAnomalies, Description: "Anomalies for Detour, as telemetry noticed them", Subjects: []string{events.PrefixAnomalies + ">"},
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxAge: l.MaxAge, MaxBytes: l.MaxBytes, MaxMsgs: -1, MaxMsgsPerSubject: -1, Replicas: l.Replicas, Duplicates: duplicates,
	}, {
		Name: events.StreamRejected, Description: "Messages that Detour set aside, with the reason", Subjects: []string{events.PrefixRejected + ">"},
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxAge: 4 * l.MaxAge, MaxBytes: l.MaxBytes, MaxMsgs: -1, MaxMsgsPerSubject: -1, Replicas: l.Replicas, Duplicates: duplicates,
	}}
}

func ensureStreams(ctx context.Context, js jetstream.JetStream, c Config) error {
	for _, want := range c.Limits.streams() {
		stream, err := c.find(ctx, js, want)
		if err != nil {
			return withRemedy(err, want)
		}
		if err := check(stream.CachedInfo().Config, want); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) find(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	if c.Existing {
		return streams.Find(ctx, c.Log, js, want.Name)
	}
	return streams.FindOrMake(ctx, c.Log, js, want)
}

// withRemedy says what to do about a server that has no room for a stream: it sets the whole of its bound aside.
func withRemedy(err error, want jetstream.StreamConfig) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == streams.CodeNoRoom {
		return fmt.Errorf("the server has no %d MiB to set aside for it: free space on its disk, raise its max_file_store, or make the stream by hand with less: %w", want.MaxBytes>>20, err)
	}
	return err
}

// check refuses a stream that could lose an anomaly before it was seen, or never get it. How much it keeps and for how
// long is its operator's choice.
func check(have, want jetstream.StreamConfig) error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("stream %s: %s", have.Name, fmt.Sprintf(format, args...)))
		}
	}
	refuse(len(have.Subjects) != 1 || have.Subjects[0] != want.Subjects[0],
		"subjects are %v, want %v; run: nats stream edit %s --subjects=%s", have.Subjects, want.Subjects, have.Name, want.Subjects[0])
	refuse(have.Storage != jetstream.FileStorage, "storage is memory, a restart loses what was not yet seen; make it anew with file storage")
	refuse(have.Retention == jetstream.InterestPolicy, "retention is interest, what arrives while no replica runs is lost; run: nats stream edit %s --retention=limits", have.Name)
	refuse(have.NoAck, "no_ack is true, publishers cannot know that an anomaly was stored; run: nats stream edit %s --ack", have.Name)
	refuse(have.Sealed, "sealed is true, it takes nothing; make it anew")
	refuse(have.Mirror != nil, "it is a mirror, it takes nothing; make it anew")
	refuse(have.Replicas < want.Replicas, "num_replicas is %d, %d are configured; run: nats stream edit %s --replicas=%d", have.Replicas, want.Replicas, have.Name, want.Replicas)
	return errors.Join(errs...)
}
