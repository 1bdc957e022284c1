package ledger

import (
	"errors"
	"fmt"
	"slices"
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

// demand is one thing that a stream must not be.
type demand struct {
	bad     bool
	setting string // as the stream has it
	why     string
	remedy  string
}

// CheckStream refuses a stream whose settings or state could lose or change a record of domain's ledger, or keep it in
// fewer copies than replicas. The error has one line for each setting, with how to put it right.
func CheckStream(info *jetstream.StreamInfo, domain string, replicas int) error {
	var errs []error
	for _, demands := range [][]demand{losses(info.Config), changes(info.Config, domain, replicas), gaps(info.State)} {
		for _, d := range demands {
			if d.bad {
				errs = append(errs, fmt.Errorf("stream %s: %s: %s; %s", info.Config.Name, d.setting, d.why, d.remedy))
			}
		}
	}
	return errors.Join(errs...)
}

// anew is the remedy for what the server does not let anybody change.
const anew = "it cannot be changed: while nothing is drained, export the ledger for the archive, delete the stream, and let Detour make it"

// edit is the remedy for what can be changed.
func edit(c jetstream.StreamConfig, flag string) string {
	return fmt.Sprintf("run: nats stream edit %s --%s", c.Name, flag)
}

// losses are the settings by which records would go away or never be kept.
func losses(c jetstream.StreamConfig) []demand {
	return []demand{
		{c.Storage != jetstream.FileStorage, "storage is memory", "a restart loses every record", anew},
		{c.PersistMode == jetstream.AsyncPersistMode, "persist_mode is async", "records are acknowledged before they are on disk", anew},
		{c.Retention != jetstream.LimitsPolicy, "retention is " + c.Retention.String(), "records vanish once they are read", anew},
		{c.Discard != jetstream.DiscardNew, "discard is old", "a full stream would drop its oldest records", edit(c, "discard=new")},
		{c.MaxAge != 0, fmt.Sprintf("max_age is %s", c.MaxAge), "records vanish with age", edit(c, "max-age=0")},
		{c.MaxMsgs > 0, fmt.Sprintf("max_msgs is %d", c.MaxMsgs), "the ledger must be able to grow", edit(c, "max-msgs=-1")},
		{c.MaxBytes > 0, fmt.Sprintf("max_bytes is %d", c.MaxBytes), "the ledger must be able to grow", edit(c, "max-bytes=-1")},
		{c.MaxMsgsPerSubject > 0, fmt.Sprintf("max_msgs_per_subject is %d", c.MaxMsgsPerSubject), "older records of an incident would be dropped", edit(c, "max-msgs-per-subject=-1")},
		{c.MaxMsgSize > 0 && c.MaxMsgSize < events.MaxCommitBytes, fmt.Sprintf("max_msg_size is %d", c.MaxMsgSize), fmt.Sprintf("a commit may take %d bytes", events.MaxCommitBytes), edit(c, "max-msg-size=-1")},
		{!c.DenyDelete, "deny_delete is false", "single records can be deleted", edit(c, "deny-delete")},
		{!c.DenyPurge, "deny_purge is false", "records can be purged", edit(c, "deny-purge")},
		{c.AllowRollup, "allow_rollup_hdrs is true", "a message can replace those before it", edit(c, "no-allow-rollup")},
		{c.AllowMsgTTL, "allow_msg_ttl is true", "a record can be given an end", anew},
		{c.Sealed, "sealed is true", "nothing can be appended", anew},
		{c.NoAck, "no_ack is true", "nobody learns whether a record was stored", edit(c, "ack")},
	}
}

// changes are the settings by which records would be changed, mixed with others, or kept too few times.
func changes(c jetstream.StreamConfig, domain string, replicas int) []demand {
	want := events.PrefixLedger + ">"
	return []demand{
		{c.Mirror != nil, "mirror is set", "a mirror takes no appends", anew},
		{len(c.Sources) > 0, "sources are set", "records of another stream would mix into the chain", anew},
		{c.SubjectTransform != nil, "subject_transform is set", "records would change their subject", anew},
		{c.SubjectDeleteMarkerTTL > 0, "subject_delete_marker_ttl is set", "the server would write messages of its own", anew},
		{c.AllowMsgCounter, "allow_msg_counter is true", "the server would change messages", anew},
		{c.AllowMsgSchedules, "allow_msg_schedules is true", "the server would write messages of its own", anew},
		{c.FirstSeq > 1, fmt.Sprintf("first_seq is %d", c.FirstSeq), "the first record is at position 1", anew},
		{!covers(c.Subjects, domain), fmt.Sprintf("subjects are %v", c.Subjects), "they must be the ledger's and no others", edit(c, "subjects='"+want+"'")},
		{c.Replicas < replicas, fmt.Sprintf("num_replicas is %d", c.Replicas), fmt.Sprintf("%d are configured", replicas), edit(c, fmt.Sprintf("replicas=%d", replicas))},
	}
}

// covers reports whether a stream with subjects takes every subject of domain's ledger and nothing that is not one.
func covers(subjects []string, domain string) bool {
	own := events.PrefixLedger + events.Token(domain)
	return len(subjects) == 1 && slices.Contains([]string{events.PrefixLedger + ">", own + ".>", own + ".*"}, subjects[0])
}

// gaps are the records that are gone already.
func gaps(s jetstream.StreamState) []demand {
	const remedy = "restore the stream from a backup that holds every record"
	lost := 0
	if s.Lost != nil {
		lost = len(s.Lost.Msgs)
	}
	return []demand{
		{s.LastSeq > 0 && s.FirstSeq > 1, fmt.Sprintf("its first record is at position %d", s.FirstSeq), "those before it were removed", remedy},
		{s.NumDeleted > 0, fmt.Sprintf("%d of its records were removed", s.NumDeleted), "decisions would rest on half the account", remedy},
		{lost > 0, fmt.Sprintf("it lost %d records", lost), "the server found its disk damaged", remedy},
	}
}
