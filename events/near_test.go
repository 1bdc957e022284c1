package events

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNear(t *testing.T) {
	names := []string{"den-kcy", "den-kcz", "chi-nyc", "ber", "DEN-KCX"}
	for _, c := range []struct {
		name string
		far  int
		want []string
	}{
		{"den-kcy", 0, []string{"den-kcy"}},
		{"kcy-den", 0, []string{"den-kcy"}},
		{"kcy_den", 0, []string{"den-kcy"}},
		{"Den-Kcy", 1, []string{"den-kcy", "den-kcz", "DEN-KCX"}},
		{"den-kc", 1, []string{"den-kcy", "den-kcz", "DEN-KCX"}},
		{"be", 0, nil},
		{"be", 1, []string{"ber"}},
		{"lisbon", 2, nil},
		{"", 100, []string{"ber", "den-kcy", "den-kcz"}},
	} {
		if diff := cmp.Diff(c.want, Near(c.name, names, c.far)); diff != "" {
			t.Errorf("%q within %d (-want +got):\n%s", c.name, c.far, diff)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
