package incident

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what the transcripts show now into testdata")

// TestTranscripts plays the transcripts in testdata. A transcript is a txtar file: what it is about, the policy if it is not
// the usual one, and the transcript itself, in which lines that begin with ">" are the script and the others are what
// came of them. They are the specification of the core; -update writes them anew, for a person to read.
//
// The script's words are those of package lab and of the operator; see (*stage).do.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("transcripts: %v, %v", files, err)
	}
	usual, err := os.ReadFile("testdata/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text := string(usual)
			for n := range a.Files {
				switch f := &a.Files[n]; f.Name {
				case "policy":
					text = string(f.Data)
				case "transcript":
					want := string(f.Data)
					f.Data = []byte(play(t, text, want))
					if diff := cmp.Diff(want, string(f.Data)); diff != "" && !*update {
						t.Errorf("(-transcript +now):\n%s", diff)
					}
				default:
					t.Fatalf("section %q: want policy or transcript", f.Name)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// play runs the script in a transcript and returns the transcript as it is now.
func play(t *testing.T, text, transcript string) string {
	s := newStage(t, text)
	for n, line := range strings.Split(transcript, "\n") {
		command, ok := strings.CutPrefix(line, ">")
		if !ok {
			if strings.HasPrefix(line, "#") || line == "" && s.out.Len() > 0 && !strings.HasSuffix(s.out.String(), "\n\n") {
				s.out.WriteString(line + "\n")
			}
			continue
		}
		s.out.WriteString(line + "\n")
		words := strings.Fields(command)
		if err := s.do(words[0], words[1:]); err != nil {
			t.Fatalf("line %d: %s: %v", n+1, line, err)
		}
	}
	if stuck := s.unbounded(); stuck != "" {
		t.Error(stuck)
	}
	return strings.TrimRight(s.out.String(), "\n") + "\n"
}

// unbounded says which open incident would wait for ever: nothing wakes it, and no person is called for.
func (s *stage) unbounded() string {
	if s.active == nil || s.active.board.Halted() != "" || !s.wake.IsZero() {
		return ""
	}
	for _, i := range s.active.board.Open() {
		if i.Phase != Stuck {
			return fmt.Sprintf("%s is %s, and nothing wakes it:\n%s", i.ID, i.Phase, s.out.String())
		}
	}
	return ""
}
