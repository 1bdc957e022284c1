package events

import (
	"fmt"
	"time"
)

// Canary is a harmless leaf of a router, as it shows now.
type Canary struct {
	Leaf     LeafRef
	Value    Value     // absent when none is configured
	Booted   time.Time // of the router; zero when it does not tell
	Software string    // likewise
}

// RebootTrial is a proof of whether what is set on a router outlives its reboot: a mark stands on a harmless leaf while a
// person reboots the router, and is read back afterwards. Each record is the whole trial: before each Set, once the mark
// stands, and when the trial is over. So no mark is without a record, and a trial that nobody ends shows.
type RebootTrial struct {
	Device   string    `json:"device"`
	Software string    `json:"software,omitempty"` // when it began
	Leaf     LeafRef   `json:"leaf"`
	Before   Value     `json:"before"` // is put back
	Mark     Value     `json:"mark"`
	Begun    time.Time `json:"begun"`             // tells it from the device's other trials
	Deadline time.Time `json:"deadline,omitzero"` // a Set of this record may leave until then; zero when none is on its way
	Margin   Duration  `json:"margin,omitempty"`  // waited after Deadline before anyone else goes on
	Marked   time.Time `json:"marked,omitzero"`   // the mark was seen to stand
	Booted   time.Time `json:"booted"`            // the router's boot time then
	Rebooted time.Time `json:"rebooted,omitzero"` // and when the mark was read back
	Kept     Kept      `json:"kept,omitempty"`
	Over     bool      `json:"over,omitempty"` // the mark is off the router
	By       Person    `json:"by"`             // who asked for this record
	Detail   string    `json:"detail,omitempty"`
}

// Kept says whether what was set stood after a reboot.
type Kept string

// What came out of a trial; "" as long as nothing did.
const (
	KeptYes     Kept = "kept"
	KeptNo      Kept = "lost"    // what stood before was there
	KeptUnknown Kept = "unknown" // nobody can tell
)

// Sentence says how the trial stands.
func (t RebootTrial) Sentence() string {
	where := fmt.Sprintf("%s, which was %s", t.Leaf, t.Before)
	switch {
	case t.Over:
		return t.finding()
	case t.Kept != "":
		return fmt.Sprintf("%s; the mark %s may still stand on %s", t.finding(), t.Mark, where)
	case t.Marked.IsZero():
		return fmt.Sprintf("the mark %s may stand on %s", t.Mark, where)
	}
	return fmt.Sprintf("the mark %s stands on %s, and it was not read back after a reboot", t.Mark, where)
}

// finding is what came out.
func (t RebootTrial) finding() string {
	text := map[Kept]string{
		KeptYes: "what is set outlives a reboot", KeptNo: "a reboot loses what is set", KeptUnknown: "it is not known what a reboot does to what is set",
	}[t.Kept]
	if t.Detail != "" {
		text += ": " + t.Detail
	}
	return text
}

// Kind names the record.
func (RebootTrial) Kind() Kind { return KindRebootTrial }
