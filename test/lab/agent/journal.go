package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/detour-net/detour/internal/backbone/target"
)

// journal is what outlasts the agent. It is written whole to a file beside the old one, which it then takes the place of;
// it is not synced, since the router does not outlast its machine.
type journal struct {
	Masters target.Masters `json:"masters"`
	Window  *window        `json:"window,omitempty"`
	Undo    *change        `json:"undo,omitempty"` // takes back a Set that may be half done
}

// window is a commit that waits to be confirmed.
type window struct {
	ID    string    `json:"id"`
	Undo  change    `json:"undo"`
	Until time.Time `json:"until"`
}

func readJournal(path string) (journal, error) {
	j := journal{Masters: target.Masters{}}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return j, fmt.Errorf("read the journal: %w", err)
	}
	if err := json.Unmarshal(raw, &j); err != nil {
		return j, fmt.Errorf("read the journal %s: %w", path, err)
	}
	if j.Masters == nil {
		j.Masters = target.Masters{}
	}
	return j, nil
}

func (j journal) write(path string) error {
	raw, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	draft := filepath.Join(filepath.Dir(path), ".journal")
	if err := os.WriteFile(draft, raw, 0o600); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}
