package chatops

import "github.com/detour-net/detour/internal/chatops/clean"

// Clean makes a text from outside harmless to show; see clean.Text.
func Clean(text string) string { return clean.Text(text) }
