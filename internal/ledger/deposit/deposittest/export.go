// Package deposittest makes exports for the tests of those that keep them.
package deposittest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
)

// Export is that of a ledger of n commits. Some of their texts are what a database may stumble over.
func Export(t testing.TB, domain string, n int) []byte { return Long(t, domain, n, 0) }

// Long is Export with so many bytes more in every commit.
func Long(t testing.TB, domain string, n, more int) (out []byte) {
	t.Helper()
	odd := []string{"", "\x00", "\u2028", `"\`, "é", "\\u0000", "\t\n"}
	var prev events.Commit
	for i := range n {
		c := events.Commit{ID: fmt.Sprint(domain, i+1), Prev: prev.Digest, At: time.Date(2026, 11, 20, 12, 0, i, 123456789, time.UTC), By: "r0/1",
			Records: []events.Record{{Incident: "den-kcy-1", Body: events.Relapsed{Why: fmt.Sprint("because of ", i+1) + odd[i%len(odd)] + strings.Repeat("x", more)}}, {Body: events.Thawed{Scope: "site:x"}}}}
		e, err := ledger.Seal(domain, &c, prev.Position)
		if err != nil {
			t.Fatal(err)
		}
		if out, err = ledger.AppendLine(out, e); err != nil {
			t.Fatal(err)
		}
		prev = c
	}
	return out
}

// Behind is what an export holds from a position on.
func Behind(whole []byte, from uint64) []byte {
	for range from - 1 {
		whole = whole[bytes.IndexByte(whole, '\n')+1:]
	}
	return whole
}
