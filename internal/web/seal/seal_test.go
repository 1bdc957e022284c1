package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/web/seal"
)

type kept struct {
	Name  string `json:"name"`
	Until int    `json:"until"`
}

func key(t *testing.T, secret byte, purpose string) seal.Key {
	t.Helper()
	k, err := seal.New(bytes.Repeat([]byte{secret}, seal.MinSecret), purpose)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// What one replica sealed another opens, when it was given the same secret.
func TestSealAndOpen(t *testing.T) {
	want := kept{Name: "ines\"; Path=/", Until: 7}
	sealed, err := key(t, 1, "session").Seal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got kept
	if err := key(t, 1, "session").Open(sealed, &got); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if strings.Trim(sealed, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("%q does not fit into a cookie", sealed)
	}
	if again, _ := key(t, 1, "session").Seal(want); again == sealed {
		t.Error("the same thing looks the same when it is sealed twice")
	}
}

// Every other secret, every other purpose and every changed bit is found.
func TestBroken(t *testing.T) {
	k := key(t, 1, "session")
	sealed, err := k.Seal(kept{Name: "ines"})
	if err != nil {
		t.Fatal(err)
	}
	refuses := func(what string, k seal.Key, text string) {
		t.Helper()
		var got kept
		if err := k.Open(text, &got); !errors.Is(err, seal.ErrBroken) || got != (kept{}) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	refuses("another secret", key(t, 2, "session"), sealed)
	refuses("another purpose", key(t, 1, "login"), sealed)
	refuses("nothing", k, "")
	refuses("half of it", k, sealed[:len(sealed)/2])
	refuses("no base64", k, "%%%")
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(raw) {
		changed := bytes.Clone(raw)
		changed[bit/8] ^= 1 << (bit % 8)
		refuses("a changed bit", k, base64.RawURLEncoding.EncodeToString(changed))
	}
}

func TestSecretTooShort(t *testing.T) {
	if _, err := seal.New(make([]byte, seal.MinSecret-1), "session"); err == nil || !strings.Contains(err.Error(), "at least 32") {
		t.Errorf("%v", err)
	}
}
