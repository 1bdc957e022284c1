package ledger

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func TestCheckStream(t *testing.T) {
	const name = "DETOUR_LEDGER"
	good := func() *jetstream.StreamInfo {
		return &jetstream.StreamInfo{
			Config: Config{Domain: "core", Replicas: 3}.withDefaults().streamConfig(),
			State:  jetstream.StreamState{FirstSeq: 1, LastSeq: 9, Msgs: 9},
		}
	}
	for _, c := range []struct {
		setting string // that the error must name; "" when the stream is fine
		change  func(*jetstream.StreamInfo)
	}{
		{"", func(*jetstream.StreamInfo) {}},
		{"", func(i *jetstream.StreamInfo) { i.Config.AllowDirect = true }},
		{"", func(i *jetstream.StreamInfo) { i.Config.Replicas = 5 }},
		{"", func(i *jetstream.StreamInfo) { i.Config.Compression = jetstream.S2Compression }},
		{"", func(i *jetstream.StreamInfo) { i.State = jetstream.StreamState{} }},
		{"", func(i *jetstream.StreamInfo) { i.Config.Subjects = []string{"detour.v1.ledger.core.*"} }},
		{"storage is memory", func(i *jetstream.StreamInfo) { i.Config.Storage = jetstream.MemoryStorage }},
		{"persist_mode is async", func(i *jetstream.StreamInfo) { i.Config.PersistMode = jetstream.AsyncPersistMode }},
		{"retention is Interest", func(i *jetstream.StreamInfo) { i.Config.Retention = jetstream.InterestPolicy }},
		{"retention is WorkQueue", func(i *jetstream.StreamInfo) { i.Config.Retention = jetstream.WorkQueuePolicy }},
		{"discard is old", func(i *jetstream.StreamInfo) { i.Config.Discard = jetstream.DiscardOld }},
		{"max_age is 1h", func(i *jetstream.StreamInfo) { i.Config.MaxAge = time.Hour }},
		{"max_msgs is 5", func(i *jetstream.StreamInfo) { i.Config.MaxMsgs = 5 }},
		{"max_bytes is 5", func(i *jetstream.StreamInfo) { i.Config.MaxBytes = 5 }},
		{"max_msgs_per_subject is 5", func(i *jetstream.StreamInfo) { i.Config.MaxMsgsPerSubject = 5 }},
		{"max_msg_size is 1000", func(i *jetstream.StreamInfo) { i.Config.MaxMsgSize = 1000 }},
		{"deny_delete is false", func(i *jetstream.StreamInfo) { i.Config.DenyDelete = false }},
		{"deny_purge is false", func(i *jetstream.StreamInfo) { i.Config.DenyPurge = false }},
		{"allow_rollup_hdrs is true", func(i *jetstream.StreamInfo) { i.Config.AllowRollup = true }},
		{"sealed is true", func(i *jetstream.StreamInfo) { i.Config.Sealed = true }},
		{"no_ack is true", func(i *jetstream.StreamInfo) { i.Config.NoAck = true }},
		{"mirror is set", func(i *jetstream.StreamInfo) { i.Config.Mirror = &jetstream.StreamSource{Name: "x"} }},
		{"sources are set", func(i *jetstream.StreamInfo) { i.Config.Sources = []*jetstream.StreamSource{{Name: "x"}} }},
		{"subject_transform is set", func(i *jetstream.StreamInfo) {
			i.Config.SubjectTransform = &jetstream.SubjectTransformConfig{Source: ">", Destination: "x.>"}
		}},
		{"allow_msg_ttl is true", func(i *jetstream.StreamInfo) { i.Config.AllowMsgTTL = true }},
		{"subject_delete_marker_ttl is set", func(i *jetstream.StreamInfo) { i.Config.SubjectDeleteMarkerTTL = time.Hour }},
		{"allow_msg_counter is true", func(i *jetstream.StreamInfo) { i.Config.AllowMsgCounter = true }},
		{"allow_msg_schedules is true", func(i *jetstream.StreamInfo) { i.Config.AllowMsgSchedules = true }},
		{"first_seq is 100", func(i *jetstream.StreamInfo) { i.Config.FirstSeq = 100 }},
		{"subjects are [detour.v1.ledger.edge.>]", func(i *jetstream.StreamInfo) { i.Config.Subjects = []string{"detour.v1.ledger.edge.>"} }},
		{"subjects are [detour.v1.ledger.> other]", func(i *jetstream.StreamInfo) { i.Config.Subjects = []string{"detour.v1.ledger.>", "other"} }},
		{"num_replicas is 1", func(i *jetstream.StreamInfo) { i.Config.Replicas = 1 }},
		{"first record is at position 4", func(i *jetstream.StreamInfo) { i.State.FirstSeq = 4 }},
		{"2 of its records were removed", func(i *jetstream.StreamInfo) { i.State.NumDeleted = 2 }},
		{"lost 1 records", func(i *jetstream.StreamInfo) { i.State.Lost = &jetstream.LostStreamData{Msgs: []uint64{3}} }},
	} {
		t.Run(c.setting, func(t *testing.T) {
			info := good()
			c.change(info)
			err := CheckStream(info, "core", 3)
			if c.setting == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("it is accepted")
			}
			text := err.Error()
			if strings.Count(text, "\n") > 0 || !strings.Contains(text, c.setting) || !strings.Contains(text, name) || !strings.Contains(text, "; ") {
				t.Errorf("error %q: want one line that names %s, %q and a remedy", text, name, c.setting)
			}
		})
	}
}
