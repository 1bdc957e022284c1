package postgres

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/detour-net/detour/internal/ledger/deposit"
)

// The columns that are written, in their order.
func ledgerColumns() []string {
	return []string{"domain", "position", "digest", "subject", "at", "by", "commit"}
}

func recordColumns() []string {
	return []string{"domain", "position", "n", "kind", "incident", "body"}
}

// rows are those of a batch.
func rows(domain string, batch []deposit.Kept) (commits, records [][]any, err error) {
	for _, k := range batch {
		commits = append(commits, []any{domain, int64(k.Position), string(k.Stated), k.Subject, k.Commit.At, clean(k.Commit.By), k.Raw})
		var c struct {
			Records []struct {
				Kind, Incident string
				Body           any
			} `json:"records"`
		}
		dec := json.NewDecoder(bytes.NewReader(k.Raw))
		dec.UseNumber()
		if err := dec.Decode(&c); err != nil {
			return nil, nil, fmt.Errorf("read position %d: %w", k.Position, err)
		}
		for i, r := range c.Records {
			body, err := json.Marshal(cleanAll(r.Body))
			if err != nil {
				return nil, nil, fmt.Errorf("write record %d of position %d: %w", i+1, k.Position, err)
			}
			records = append(records, []any{domain, int64(k.Position), i + 1, clean(r.Kind), clean(r.Incident), string(body)})
		}
	}
	return commits, records, nil
}

// clean replaces what PostgreSQL takes in no text.
func clean(text string) string { return strings.ReplaceAll(text, "\x00", "\ufffd") }

// cleanAll cleans every text in a JSON value, names included.
func cleanAll(v any) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case []any:
		for i := range v {
			v[i] = cleanAll(v[i])
		}
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, value := range v {
			c[clean(name)] = cleanAll(value)
		}
		return c
	}
	return v
}
