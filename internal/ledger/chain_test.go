package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detour-net/detour/events"
)

// record makes the commit behind prev.
func record(prev events.Commit, id string, bodies ...events.Body) events.Commit {
	c := events.Commit{ID: id, Prev: prev.Digest, At: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), By: "r"}
	for _, b := range append(bodies, events.Relapsed{Why: "because of " + id}) {
		c.Records = append(c.Records, events.Record{Incident: "den-kcy-1", Body: b})
	}
	return c
}

func seal(t *testing.T, prev events.Commit, id string, bodies ...events.Body) (Entry, events.Commit) {
	t.Helper()
	c := record(prev, id, bodies...)
	e, err := Seal("test", &c, prev.Position)
	if err != nil {
		t.Fatal(err)
	}
	return e, c
}

// account is an intact ledger of n entries.
func account(t *testing.T, n int) []Entry {
	t.Helper()
	var entries []Entry
	var prev events.Commit
	for i := range n {
		var e Entry
		e, prev = seal(t, prev, fmt.Sprint("c", i+1))
		entries = append(entries, e)
	}
	return entries
}

// tamper makes another ledger of the intact one's entries.
type tamper struct {
	name string
	do   func(t *testing.T, in []Entry) []Entry
	want []Finding // without Line and Detail
}

func tampers() []tamper {
	at := func(p uint64, problem Problem) []Finding {
		return []Finding{{Position: p, Problem: problem, Sure: Certain}}
	}
	between := func(p uint64) []Finding { return []Finding{{Position: p, To: p + 1, Problem: Unlinked, Sure: Likely}} }
	likely := func(p uint64, problem Problem) []Finding {
		return []Finding{{Position: p, Problem: problem, Sure: Likely}}
	}
	return []tamper{
		{"intact", func(_ *testing.T, in []Entry) []Entry { return in }, nil},
		{"altered", func(_ *testing.T, in []Entry) []Entry {
			in[3].Raw = bytes.Replace(in[3].Raw, []byte("because"), []byte("despite"), 1)
			return in
		}, at(4, Altered)},
		{"altered at the end", func(_ *testing.T, in []Entry) []Entry {
			in[7].Raw = bytes.Replace(in[7].Raw, []byte("because"), []byte("despite"), 1)
			return in
		}, at(8, Altered)},
		{"altered with its digest", func(_ *testing.T, in []Entry) []Entry {
			in[3].Raw = bytes.Replace(in[3].Raw, []byte("because"), []byte("despite"), 1)
			in[3].Stated = events.DigestBytes(in[3].Raw)
			return in
		}, between(4)},
		{"altered with its digest, and the one behind it", func(_ *testing.T, in []Entry) []Entry {
			for i := 3; i <= 4; i++ {
				in[i].Raw = bytes.Replace(in[i].Raw, []byte("because"), []byte("despite"), 1)
				in[i].Stated = events.DigestBytes(in[i].Raw)
			}
			return in
		}, likely(5, Unlinked)},
		{"another digest stated", func(_ *testing.T, in []Entry) []Entry {
			in[3].Stated = events.DigestBytes([]byte("x"))
			return in
		}, at(4, Altered)},
		{"another position stated", func(_ *testing.T, in []Entry) []Entry { in[3].Position = 9; return in }, at(4, Altered)},
		{"an earlier position stated", func(_ *testing.T, in []Entry) []Entry { in[3].Position = 2; return in }, at(4, Altered)},
		{"another subject", func(_ *testing.T, in []Entry) []Entry { in[3].Subject += "2"; return in }, at(4, Altered)},
		{"another domain", func(_ *testing.T, in []Entry) []Entry {
			in[0].Subject = events.LedgerSubject("best", "den-kcy-1")
			return in
		}, likely(1, Altered)},
		{"no JSON any more", func(_ *testing.T, in []Entry) []Entry {
			in[3].Raw = []byte("gone")
			in[3].Stated = events.DigestBytes(in[3].Raw)
			return in
		}, at(4, Unreadable)},
		{"missing", func(_ *testing.T, in []Entry) []Entry { return slices.Delete(in, 3, 4) }, at(4, Missing)},
		{"the first missing", func(_ *testing.T, in []Entry) []Entry { return in[1:] }, at(1, Missing)},
		{"several missing", func(_ *testing.T, in []Entry) []Entry { return slices.Delete(in, 2, 5) }, at(3, Missing)},
		{"missing and renumbered", func(_ *testing.T, in []Entry) []Entry {
			in = slices.Delete(in, 3, 4)
			for i := range in {
				in[i].Position = uint64(i) + 1
			}
			return in
		}, between(3)},
		{"the first missing and renumbered", func(_ *testing.T, in []Entry) []Entry {
			in = in[1:]
			for i := range in {
				in[i].Position = uint64(i) + 1
			}
			return in
		}, likely(1, Unlinked)},
		{"repeated", func(_ *testing.T, in []Entry) []Entry { return slices.Insert(in, 4, in[3]) }, at(4, Misplaced)},
		{"inserted", func(t *testing.T, in []Entry) []Entry {
			forged, _ := seal(t, events.Commit{Position: 3, Digest: in[2].Stated}, "forged")
			return slices.Insert(in, 3, forged)
		}, at(4, Misplaced)},
		{"inserted and renumbered", func(t *testing.T, in []Entry) []Entry {
			forged, _ := seal(t, events.Commit{Position: 3, Digest: in[2].Stated}, "forged")
			in = slices.Insert(in, 3, forged)
			for i := range in {
				in[i].Position = uint64(i) + 1
			}
			return in
		}, likely(4, Misplaced)},
		{"reordered", func(_ *testing.T, in []Entry) []Entry { in[3], in[4] = in[4], in[3]; return in }, at(4, Misplaced)},
		{"unknown kind", func(t *testing.T, in []Entry) []Entry {
			odd, _ := seal(t, events.Commit{Position: 8, Digest: in[7].Stated}, "odd", events.Foreign{Name: "levitated", Raw: []byte("{}")})
			return append(in, odd)
		}, at(9, Unknown)},
	}
}

func TestAudit(t *testing.T) {
	for _, c := range tampers() {
		t.Run(c.name, func(t *testing.T) {
			entries := c.do(t, account(t, 8))
			var audit Audit
			for _, e := range entries {
				audit.Take(e, 0)
			}
			report := audit.Report()
			if diff := cmp.Diff(c.want, report.Findings, cmpopts.IgnoreFields(Finding{}, "Detail")); diff != "" {
				t.Errorf("findings (-want +got):\n%s\n%v", diff, report.Findings)
			}
			damaged := len(c.want) > 0 && c.want[0].Problem != Unknown
			if report.Intact() == damaged || report.Entries != len(entries) {
				t.Errorf("intact %t after %d entries", report.Intact(), report.Entries)
			}
			chainErr := follow(entries)
			var broken *BrokenError
			if errors.As(chainErr, &broken) != damaged && !strings.Contains(c.name, "subject") && !strings.Contains(c.name, "domain") { // which the bus alone goes by
				t.Errorf("the chain says %v", chainErr)
			}
		})
	}
}

func follow(entries []Entry) error {
	var chain Chain
	for _, e := range entries {
		if _, err := chain.Next(e); err != nil {
			return err
		}
	}
	return nil
}

// TestExport writes each ledger out, reads it back, and finds the same.
func TestExport(t *testing.T) {
	for _, c := range tampers() {
		t.Run(c.name, func(t *testing.T) {
			var out []byte
			var err error
			for _, e := range c.do(t, account(t, 8)) {
				if out, err = AppendLine(out, e); err != nil {
					t.Fatal(err)
				}
			}
			whole := 0
			report, err := ReadExport(bytes.NewReader(out), func(events.Commit) error { whole++; return nil })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, report.Findings, cmpopts.IgnoreFields(Finding{}, "Detail", "Line")); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, f := range report.Findings {
				if f.Line == 0 || !strings.HasPrefix(f.String(), fmt.Sprintf("line %d, position", f.Line)) || !strings.Contains(f.String(), fmt.Sprintf(" %d", max(f.Position, f.To))) {
					t.Errorf("finding %s", f)
				}
			}
			if c.want == nil && whole != 8 {
				t.Errorf("%d of 8 commits are intact", whole)
			}
		})
	}
}

func TestExportFormat(t *testing.T) {
	entry := account(t, 1)[0]
	got, err := AppendLine(nil, entry)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"position":1,"digest":"%s","subject":"detour.v1.ledger.test.den-kcy-1","commit":%s}`+"\n", entry.Stated, entry.Raw)
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, c := range []struct{ name, text, want string }{
		{"not JSON", "what?\n", "line 1, position 1: unreadable (certain): not a line of an export"},
		{"unknown field", `{"position":1,"colour":"red"}`, `unknown field "colour"`},
		{"two on a line", strings.TrimSpace(want) + want, "more than one"},
		{"an empty line", "\n", "line 1, position 1: unreadable"},
		{"cut off at its end", strings.TrimSpace(want), "line 1, position 1: altered (certain): its line has no end"},
		{"other spaces", strings.Replace(want, ":1", ": 1", 1), "line 1, position 1: altered (certain): its line was edited"},
		{"another key", strings.Replace(want, "position", "Position", 1), "line 1, position 1: altered (certain): its line was edited"},
		{"edited", strings.Replace(want, "because", "despite", 1), "line 1, position 1: altered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, err := ReadExport(strings.NewReader(c.text), nil)
			if err != nil || len(report.Findings) != 1 || !strings.Contains(report.Findings[0].String(), c.want) || report.Intact() {
				t.Errorf("%v, findings %v, want %q", err, report.Findings, c.want)
			}
		})
	}
	if _, err := ReadExport(strings.NewReader(strings.Repeat("x", maxLine+1)), nil); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("an endless line: %v", err)
	}
	if report, err := ReadExport(strings.NewReader(want), nil); err != nil || !report.Intact() || report.Domain != "test" {
		t.Errorf("%v, %+v of an intact export", err, report)
	}
	enough := errors.New("enough")
	if _, err := ReadExport(strings.NewReader(want), func(events.Commit) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("fn's error: %v", err)
	}
}

func TestReportIsBounded(t *testing.T) {
	var audit Audit
	for range MaxFindings + 5 {
		audit.Take(Entry{Position: 1, Raw: []byte("x")}, 0)
	}
	if r := audit.Report(); len(r.Findings) != MaxFindings || r.More == 0 || r.Intact() {
		t.Errorf("%d findings and %d more", len(r.Findings), r.More)
	}
}

func TestBrokenErrorNamesPlaceAndRemedy(t *testing.T) {
	for _, p := range []Problem{Altered, Missing, Misplaced, Unlinked, Unreadable, Unknown} {
		text := broken(7, p, "so and so").Error()
		for _, part := range []string{"position 7", string(p), "so and so", ";"} {
			if !strings.Contains(text, part) {
				t.Errorf("%q does not say %q", text, part)
			}
		}
	}
}
