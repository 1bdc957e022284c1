package ledger
import ("testing";"github.com/detour-net/detour/events")
func BenchmarkDecode1(b *testing.B) { c := sample(1, "sha256:0123456789012345678901234567890123456789012345678901234567890123", 1); raw,_,_ := c.Encode(); b.SetBytes(int64(len(raw))); b.ReportAllocs(); var d events.Decoder; for b.Loop() { d.Decode(raw) } }
func BenchmarkDecode50(b *testing.B) { c := sample(1, "sha256:0123456789012345678901234567890123456789012345678901234567890123", 50); raw,_,_ := c.Encode(); b.SetBytes(int64(len(raw)));  b.ReportAllocs();var d events.Decoder; for b.Loop() { d.Decode(raw) } }
func BenchmarkSha(b *testing.B) { c := sample(1, "sha256:0123456789012345678901234567890123456789012345678901234567890123", 1); raw,_,_ := c.Encode(); b.SetBytes(int64(len(raw)));  b.ReportAllocs();for b.Loop() { events.DigestBytes(raw) } }
