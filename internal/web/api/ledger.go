package api

import (
	"encoding/json"

	"github.com/detour-net/detour/events"
)

// Line is one message of the ledger as it lies on the stream, unchecked: one line of an export.
type Line struct {
	Position uint64          `json:"position"`
	Digest   events.Digest   `json:"digest"` // as its writer stated it
	Subject  string          `json:"subject"`
	Commit   json.RawMessage `json:"commit,omitempty"`
	Raw      []byte          `json:"raw,omitempty"` // instead of Commit, of a message that is not one line of JSON
}

// Ledger is a part of the ledger.
type Ledger struct {
	Last  uint64            `json:"last"` // position of the newest commit
	Lines []json.RawMessage `json:"lines"`
	Next  uint64            `json:"next,omitempty"` // where to go on, 0 at the end
}
