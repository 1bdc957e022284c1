package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
)

// duplicates is how long the servers know message ids. The ledger does not rest on it: positions admit one commit each.
const duplicates = 2 * time.Minute

func (c Config) streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: c.Stream, Description: "Detour's ledger: every decision, in order. Never delete or purge.",
		Subjects: []string{events.PrefixLedger + ">"}, Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxConsumers: -1, Discard: jetstream.DiscardNew,
		Replicas: c.Replicas, Duplicates: duplicates, DenyDelete: true, DenyPurge: true,
	}
}

// findOrMake tolerates another replica that makes the same stream at the same time.
func findOrMake(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig) (jetstream.Stream, error) {
	stream, err := js.Stream(ctx, c.Name)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return stream, err
	}
	stream, err = js.CreateStream(ctx, c)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return js.Stream(ctx, c.Name)
	}
	return stream, err
}

// CheckStream refuses a stream whose settings or state could lose or change a record. The error names each setting
// and how to put it right.
func CheckStream(info *jetstream.StreamInfo, replicas int) error {
	c := info.Config
	var errs []error
	refuse := func(bad bool, setting, why, remedy string) {
		if bad {
			errs = append(errs, fmt.Errorf("stream %s: %s: %s; %s", c.Name, setting, why, remedy))
		}
	}
	edit := func(flags string) string { return fmt.Sprintf("run: nats stream edit %s %s", c.Name, flags) }
	const anew = "it cannot be changed on a stream: export the ledger, make the stream anew without it, and import"

	refuse(c.Storage != jetstream.FileStorage, "storage is memory", "a restart loses every record", anew)
	refuse(c.PersistMode == jetstream.AsyncPersistMode, "persist_mode is async", "records are acknowledged before they are on disk", anew)
	refuse(c.Retention != jetstream.LimitsPolicy, "retention is "+c.Retention.String(), "records vanish once they are read", anew)
	refuse(c.Discard != jetstream.DiscardNew, "discard is old", "a full stream would drop its oldest records", edit("--discard=new"))
	refuse(c.MaxAge != 0, fmt.Sprintf("max_age is %s", c.MaxAge), "records vanish with age", edit("--max-age=0"))
	refuse(c.MaxMsgs > 0, fmt.Sprintf("max_msgs is %d", c.MaxMsgs), "the ledger must be able to grow", edit("--max-msgs=-1"))
	refuse(c.MaxBytes > 0, fmt.Sprintf("max_bytes is %d", c.MaxBytes), "the ledger must be able to grow", edit("--max-bytes=-1"))
	refuse(c.MaxMsgsPerSubject > 0, fmt.Sprintf("max_msgs_per_subject is %d", c.MaxMsgsPerSubject), "older records of an incident would be dropped", edit("--max-msgs-per-subject=-1"))
	refuse(c.MaxMsgSize > 0 && c.MaxMsgSize < minMsgSize, fmt.Sprintf("max_msg_size is %d", c.MaxMsgSize), fmt.Sprintf("a commit may take %d bytes", minMsgSize), edit("--max-msg-size=-1"))
	refuse(!c.DenyDelete, "deny_delete is false", "single records can be deleted", edit("--deny-delete"))
	refuse(!c.DenyPurge, "deny_purge is false", "records can be purged", edit("--deny-purge"))
	refuse(c.AllowRollup, "allow_rollup_hdrs is true", "a message can replace those before it", edit("--no-allow-rollup"))
	refuse(c.Sealed, "sealed is true", "nothing can be appended", anew)
	refuse(c.NoAck, "no_ack is true", "nobody learns whether a record was stored", edit("--ack"))
	refuse(c.Mirror != nil, "mirror is set", "a mirror takes no appends", anew)
	refuse(len(c.Sources) > 0, "sources are set", "records of another stream would mix into the chain", edit("--no-sources"))
	refuse(c.SubjectTransform != nil, "subject_transform is set", "records would change their subject", edit("--no-transform"))
	refuse(c.AllowMsgTTL, "allow_msg_ttl is true", "a record can be given an end", anew)
	refuse(c.SubjectDeleteMarkerTTL > 0, "subject_delete_marker_ttl is set", "the server would write messages of its own", edit("--subject-delete-markers-ttl=0"))
	refuse(c.AllowMsgCounter, "allow_msg_counter is true", "the server would change messages", anew)
	refuse(c.AllowMsgSchedules, "allow_msg_schedules is true", "the server would write messages of its own", anew)
	refuse(c.FirstSeq > 1, fmt.Sprintf("first_seq is %d", c.FirstSeq), "the first record is at position 1", anew)
	refuse(!covers(c.Subjects), fmt.Sprintf("subjects are %v", c.Subjects), "they do not take every ledger subject", edit("--subjects="+events.PrefixLedger+">"))
	refuse(c.Replicas < replicas, fmt.Sprintf("num_replicas is %d", c.Replicas), fmt.Sprintf("%d are configured", replicas), edit(fmt.Sprintf("--replicas=%d", replicas)))
	return errors.Join(append(errs, checkState(info)...)...)
}

// minMsgSize is what a stream must take: the largest commit and its headers.
const minMsgSize = events.MaxCommitBytes

// covers reports whether a stream with subjects takes every subject of the ledger and nothing else.
func covers(subjects []string) bool {
	return len(subjects) == 1 && (subjects[0] == events.PrefixLedger+">" || strings.HasPrefix(subjects[0], events.PrefixLedger))
}

func checkState(info *jetstream.StreamInfo) []error {
	var errs []error
	s := info.State
	const remedy = "restore the stream from a backup that holds every record"
	if s.LastSeq > 0 && s.FirstSeq > 1 {
		errs = append(errs, fmt.Errorf("stream %s: its first record is at position %d: those before it were removed; %s", info.Config.Name, s.FirstSeq, remedy))
	}
	if s.NumDeleted > 0 {
		errs = append(errs, fmt.Errorf("stream %s: %d of its records were removed; %s", info.Config.Name, s.NumDeleted, remedy))
	}
	if s.Lost != nil && len(s.Lost.Msgs) > 0 {
		errs = append(errs, fmt.Errorf("stream %s: the server lost %d records to a damaged disk; %s", info.Config.Name, len(s.Lost.Msgs), remedy))
	}
	return errs
}
