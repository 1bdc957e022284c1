package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A hand-over is at its times in its zone, which is UTC unless another is named, and is described so; without one there is none.
func TestHandover(t *testing.T) {
	for _, c := range []struct {
		text, zone, said string
		want             []time.Duration
	}{
		{"", "UTC", "chat.handover=never by itself default", nil},
		{"handover: {at: ['22:00', '06:30']}, ", "UTC", "chat.handover=at 22:00, 06:30 UTC file", []time.Duration{6*time.Hour + 30*time.Minute, 22 * time.Hour}},
		{"handover: {at: ['00:00'], zone: Europe/Berlin}, ", "Europe/Berlin", "chat.handover=at 00:00 Europe/Berlin file", []time.Duration{0}},
	} {
		got, err := Load(write(t, chatExample(t), "c.yaml", "chat: {"+c.text+"slack: {app_token: 'file:app', bot_token: 'env:DETOUR_TEST_BOT', channel: C012}, people: people.yaml}\n"+chatRest, 0o600))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got.Handover.Times()); diff != "" || got.Handover.Location().String() != c.zone {
			t.Errorf("%s: zone %s, times (-want +got):\n%s", c.text, got.Handover.Location(), diff)
		}
		var text strings.Builder
		for _, s := range got.Describe() {
			text.WriteString(s.Name + "=" + s.Value + " " + string(s.Source) + "\n")
		}
		if !strings.Contains(text.String(), c.said) {
			t.Errorf("described without %q:\n%s", c.said, text.String())
		}
	}
}
