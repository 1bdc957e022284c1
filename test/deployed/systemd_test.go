package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// exposure is how much of this machine systemd finds open to the service at most, in tenths of its scale to 10.
const exposure = "20"

// TestUnit has systemd read the unit, and judge what is open to it.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("DETOUR_SYSTEMD") == "1" {
			t.Fatal(err)
		}
		t.Skip("systemd-analyze is not installed; with DETOUR_SYSTEMD=1 it must be")
	}
	raw, err := os.ReadFile(filepath.Join(deployments, "systemd", "detour.service"))
	if err != nil {
		t.Fatal(err)
	}
	const binary = "/usr/local/bin/detour"
	if !strings.Contains(string(raw), "ExecStart="+binary+" serve --config ") {
		t.Fatalf("it starts something else than %s", binary)
	}
	here, err := os.Executable() // systemd wants it to be there
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "detour.service")
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(string(raw), binary, here)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", "--man=no", unit}, {"security", "--offline=true", "--threshold=" + exposure, unit}} {
		if out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput(); err != nil || args[0] == "verify" && len(out) > 0 {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
		}
	}
}
