package policy

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// TestMain lets properties be asked as often in a short run as in a long one, which rapid would make a fifth: they take next
// to nothing, and each counts whether it was asked of everything that it is about.
func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		if err := flag.Set("rapid.checks", "500"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
