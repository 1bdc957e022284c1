package network

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// line is three routers in a row, of 150 Gb/s in all.
func line(t testing.TB) *Topology {
	t.Helper()
	topo := &Topology{
		Routers: []Router{{Name: "a"}, {Name: "b"}, {Name: "c,d"}},
		Links: []Link{
			{Name: "ab", A: End{Device: "a", Interface: "1"}, B: End{Device: "b", Interface: "1"}, Capacity: 50e9},
			{Name: "bc", A: End{Device: "b", Interface: "2"}, B: End{Device: "c,d", Interface: "1"}, Capacity: 100e9},
		},
	}
	if err := topo.Validate(); err != nil {
		t.Fatal(err)
	}
	return topo
}

func TestReadMatrix(t *testing.T) {
	tests := []struct {
		name, in string
		want     []Demand
	}{
		{"plain", "from,to,bps\nb,a,1000\na,b,2000\n", []Demand{{"a", "b", 2000, "", ""}, {"b", "a", 1000, "", ""}}},
		{"kbps", "from,to,kbps\na,b,1.5\n", []Demand{{"a", "b", 1500, "", ""}}},
		{"mbps", "from,to,mbps\na,b,1e3\n", []Demand{{"a", "b", 1e9, "", ""}}},
		{"gbps", "from,to,gbps\na,b,0.1\n", []Demand{{"a", "b", 1e8, "", ""}}},
		{"rounded", "from,to,bps\na,b,999.5\nb,a,1000.4\n", []Demand{{"a", "b", 1000, "", ""}, {"b", "a", 1000, "", ""}}},
		{"a demand of 0", "from,to,bps\na,b,0\nb,a,1000", []Demand{{"a", "b", 0, "", ""}, {"b", "a", 1000, "", ""}}},
		{"columns in another order", "class,mbps,to,from\ngold,1,b,a\n", []Demand{{"a", "b", 1e6, "gold", ""}}},
		{"classes", "from,to,mbps,class\na,b,1,x\na,b,2,\na,b,3,m\n", []Demand{{"a", "b", 2e6, "", ""}, {"a", "b", 3e6, "m", ""}, {"a", "b", 1e6, "x", ""}}},
		{"families", "from,to,mbps,class,family\na,b,1,x,ipv6\na,b,2,,\na,b,3,x,ipv4\na,b,4,,ipv6\n", []Demand{{"a", "b", 2e6, "", ""}, {"a", "b", 4e6, "", IPv6}, {"a", "b", 3e6, "x", IPv4}, {"a", "b", 1e6, "x", IPv6}}},
		{"quotes", "from,to,mbps\n\"c,d\",\"a\", 1\n", []Demand{{"c,d", "a", 1e6, "", ""}}},
		{"blanks, blank lines and CRLF", "\r\nfrom, to, mbps\r\n\r\n a , b ,\t1 \r\n", []Demand{{"a", "b", 1e6, "", ""}}},
		{"byte order mark and comments", "\ufeff# measured\n#\nfrom,to,mbps\na,b,1", []Demand{{"a", "b", 1e6, "", ""}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ReadMatrix("m.csv", strings.NewReader(tt.in), line(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Matrix{Demands: tt.want, Source: "m.csv"}, m); diff != "" {
				t.Errorf("matrix (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadMatrixRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"no text", "", "m.csv: the matrix is empty: want a header (from,to,bps)"},
		{"comments alone", "# a\n# b", "m.csv: the matrix is empty: want a header"},
		{"a header alone", "from,to,bps\n", "m.csv: the matrix is empty: it has no demand"},
		{"demands of 0 alone", "from,to,bps\na,b,0\nb,a,0.4\n", "m.csv: the matrix is empty: every demand is 0"},
		{"no header", "a,b,5\n", `m.csv:1: header: column "a" is not known; want from, to, the rate as bps, kbps, mbps or gbps`},
		{"no unit", "from,to\na,b\n", `m.csv:1: header: "from,to" lacks a column`},
		{"two units", "from,to,bps,mbps\n", `m.csv:1: header: column "mbps": a second one of its kind`},
		{"a unit with capitals", "from,to,Mbps\n", `column "Mbps" is not known`},
		{"a column twice", "from,to,to,bps\n", `column "to": a second one`},
		{"a comment below the header", "from,to,bps\n#a,b,5\n", `m.csv:2: from: router "#a" is not in the inventory`},
		{"too few columns", "from,to,bps\na,b\n", "m.csv:2: 2 columns, the header has 3"},
		{"too many columns", "from,to,bps\na,b,1,000\n", "m.csv:2: 4 columns, the header has 3"},
		{"an open quote", "from,to,bps\n\"a,b,1\n", "m.csv:2: a quote is missing"},
		{"NaN", "from,to,bps\na,b,NaN\n", `m.csv:2: bps "NaN": want a number, for example 1.5`},
		{"infinity", "from,to,bps\na,b,+Inf\n", `m.csv:2: bps "+Inf": want a number`},
		{"hexadecimal", "from,to,bps\na,b,0x10\n", `"0x10": want a number`},
		{"underscores", "from,to,bps\na,b,1_0\n", `"1_0": want a number`},
		{"no number", "from,to,bps\na,b,\n", `bps "": want a number`},
		{"two signs", "from,to,bps\na,b,--1\n", `"--1": want a number`},
		{"negative", "from,to,gbps\na,b,-1\n", "m.csv:2: gbps -1: a demand cannot be negative"},
		{"hardly negative", "from,to,bps\na,b,-1e-9\n", "cannot be negative"},
		{"minus infinity", "from,to,bps\na,b,-1e999\n", "cannot be negative"},
		{"huge", "from,to,bps\na,b,1125899906842625\n", "m.csv:2: bps 1125899906842625: more than 1125899906842624 bits per second: is the unit right?"},
		{"huge in another unit", "from,to,gbps\na,b,1125899.906842625\n", "more than 1125899906842624 bits per second"},
		{"beyond numbers", "from,to,bps\na,b,1e999\n", "more than 1125899906842624 bits per second"},
		{"unknown router", "from,to,bps\na,b,5\nx,b,5\n", `m.csv:3: from: router "x" is not in the inventory`},
		{"unknown router at the far end", "from,to,bps\na,B,5\n", `m.csv:2: to: router "B" is not in the inventory`},
		{"to itself", "from,to,bps\nb,b,5\n", `m.csv:2: a demand from "b" to itself`},
		{"twice", "from,to,bps\na,b,500\nb,a,500\na,b,500\n", `m.csv:4: the demand from "a" to "b" is given twice; first: m.csv:2`},
		{"twice of a class", "class,from,to,mbps\nx,a,b,1\ny,a,b,1\nx,a,b,1\n", `m.csv:4: the demand from "a" to "b" of class "x" is given twice; first: m.csv:2`},
		{"twice of a family", "family,from,to,mbps\nipv4,a,b,1\nipv6,a,b,1\nipv6,a,b,1\n", `m.csv:4: the demand from "a" to "b" for ipv6 is given twice; first: m.csv:3`},
		{"a family that is none", "family,from,to,mbps\nIPv6,a,b,1\n", `m.csv:2: family "IPv6": want [ipv4 ipv6], or nothing for both`},
		{"a class with a blank", "class,from,to,mbps\nx y,a,b,1\n", `m.csv:2: class "x y": want at most 64 bytes`},
		{"a class that is not UTF-8", "class,from,to,mbps\n\xff,a,b,1\n", `class "\xff": want`},
		{"a long line", "from,to,bps\n" + strings.Repeat("a", 4097) + "\n", "m.csv:2: a line of more than 4096 bytes"},
		{"a very long line", "from,to,bps\n" + strings.Repeat("a", 1<<17), "m.csv:2: a line of more than 4096 bytes"},
		{"binary", "\x00\x01\x02\n", "m.csv:1: header: column"},
		{"too much traffic", "from,to,gbps\na,b,15000\nb,a,0.000000001\n", "m.csv: 15000000000001 bits per second in all are more than 100 times the capacity of all links (150000000000): looks like the wrong unit"},
		{"too little traffic", "from,to,bps\na,b,149\n", "m.csv: 149 bits per second in all are less than a 1000000000th of the capacity of all links (150000000000): looks like the wrong unit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ReadMatrix("m.csv", strings.NewReader(tt.in), line(t))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
			if m.Demands != nil {
				t.Errorf("%d demands beside the error", len(m.Demands))
			}
		})
	}
}

// TestReadMatrixJustInside: what stands on a limit is taken.
func TestReadMatrixJustInside(t *testing.T) {
	tests := []struct {
		name, in string
		capacity int64 // of each link
		total    int64
	}{
		{"as much traffic as is believed", "from,to,gbps\na,b,10000\n", 50e9, 10e12},
		{"as little traffic as is believed", "from,to,bps\na,b,100\n", 50e9, 100},
		{"the largest demand", "from,to,bps\na,b,1125899906842624\n", maxCapacity, 1 << 50},
		{"the largest demand, with a fraction", "from,to,gbps\na,b,1125899.9068426244\n", maxCapacity, 1 << 50},
		{"the longest line", "from,to,mbps\na," + strings.Repeat(" ", 4090) + "b,1\n", 50e9, 1e6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			topo := line(t)
			topo.Links[0].Capacity, topo.Links[1].Capacity = tt.capacity, tt.capacity
			m, err := ReadMatrix("m.csv", strings.NewReader(tt.in), topo)
			if err != nil || m.Total() != tt.total {
				t.Errorf("total = %d, err = %v; want %d", m.Total(), err, tt.total)
			}
		})
	}
}

func TestReadMatrixCountsComplaints(t *testing.T) {
	in := "from,to,bps\n" + strings.Repeat("x,b,5\n", 15) + strings.Repeat("a,b,500\n", 9)
	_, err := ReadMatrix("m.csv", strings.NewReader(in), line(t))
	if err == nil {
		t.Fatal("taken")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 21 || lines[20] != "m.csv: and 3 more" || lines[15] != `m.csv:18: the demand from "a" to "b" is given twice; first: m.csv:17` {
		t.Errorf("%d lines:\n%v", len(lines), err)
	}
}

// endless is a header, then a line for ever; it counts what was read of it.
type endless struct {
	header, line string
	at, read     int // at: in line
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.header)
	e.header = e.header[n:]
	for n < len(p) {
		wrote := copy(p[n:], e.line[e.at:])
		e.at = (e.at + wrote) % len(e.line)
		n += wrote
	}
	e.read += n
	return n, nil
}

// TestReadMatrixIsBounded: a file without end is refused after what a file may have, and before it has cost much memory.
func TestReadMatrixIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 4,000,000 lines, twice")
	}
	topo := line(t)
	for _, tt := range []struct {
		in   *endless
		want string
		read int // bytes at most
	}{
		{&endless{header: "from,to,bps\n", line: "a,b,100\n"}, "m.csv:4000002: more than 4000000 demands", 33 << 20},
		{&endless{header: "from,to,bps\n", line: "x,b,100\n"}, "m.csv:4000002: more than 4000000 demands", 33 << 20},
		{&endless{header: "from,to,bps\n", line: strings.Repeat(" ", 4000) + "\n"}, "m.csv:67094: more than 256 MiB", 257 << 20},
		{&endless{header: "from,to,bps\n", line: "a"}, "m.csv:2: a line of more than 4096 bytes", 1 << 20},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ReadMatrix("m.csv", tt.in, topo)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("err = %v, want %q", err, tt.want)
		}
		if tt.in.read > tt.read {
			t.Errorf("%q: %d bytes were read, at most %d are needed", tt.want, tt.in.read, tt.read)
		}
		if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 500<<20 {
			t.Errorf("%q: the heap grew by %d MiB", tt.want, grown>>20)
		}
	}
}

func TestReadMatrixPassesOnTheReadersError(t *testing.T) {
	r := io.MultiReader(strings.NewReader("from,to,bps\nx,b,100\n"), failing{})
	_, err := ReadMatrix("m.csv", r, line(t))
	if err == nil || !strings.Contains(err.Error(), `m.csv:2: from: router "x"`) || !strings.Contains(err.Error(), "m.csv:3: read: disk on fire") {
		t.Errorf("err = %v, want both complaints", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fmt.Errorf("disk on fire") }

func TestLoadMatrix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.csv")
	if err := os.WriteFile(path, []byte("from,to,mbps\na,b,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := LoadMatrix(path, line(t)); err != nil || m.Source != path || m.Total() != 1e6 || !m.At.IsZero() {
		t.Errorf("matrix %+v, err %v", m, err)
	}
	if _, err := LoadMatrix(path+"x", line(t)); err == nil || !strings.Contains(err.Error(), "m.csvx") {
		t.Errorf("err = %v", err)
	}
}

// csvOf writes a matrix as ReadMatrix reads it.
func csvOf(m Matrix) string {
	var text strings.Builder
	text.WriteString("from,to,bps,class\n")
	for _, d := range m.Demands {
		fmt.Fprintf(&text, "\"%s\",\"%s\",%d,\"%s\"\n", strings.ReplaceAll(d.From, `"`, `""`), strings.ReplaceAll(d.To, `"`, `""`), d.BPS, strings.ReplaceAll(d.Class, `"`, `""`))
	}
	return text.String()
}

// TestMatrixRoundTrip: what is written down is read back, whatever the order of lines was.
func TestMatrixRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topo := &Topology{Links: []Link{{Capacity: 1e9}}}
		for i := range rapid.IntRange(2, 8).Draw(t, "routers") {
			topo.Routers = append(topo.Routers, Router{Name: fmt.Sprintf("r%d", i)})
		}
		var demands []Demand
		for _, from := range topo.Routers {
			for _, to := range topo.Routers {
				for _, class := range []string{"", "x", "a"} {
					if from.Name != to.Name && rapid.Bool().Draw(t, "keep") {
						demands = append(demands, Demand{from.Name, to.Name, rapid.Int64Range(1, 1e8).Draw(t, "bps"), class, ""})
					}
				}
			}
		}
		if len(demands) == 0 {
			return
		}
		want, err := NewMatrix(topo, demands, time.Time{}, "")
		if err != nil {
			t.Fatal(err)
		}
		shuffled := Matrix{Demands: rapid.Permutation(demands).Draw(t, "order")}
		got, err := ReadMatrix("", strings.NewReader(csvOf(shuffled)), topo)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" || want.Digest() != got.Digest() {
			t.Fatalf("read back (-want +got):\n%s", diff)
		}
	})
}

// FuzzReadMatrix: no text makes reading panic; what is taken holds what Matrix promises and can be written and read again.
func FuzzReadMatrix(f *testing.F) {
	f.Add("from,to,bps\na,b,1000\n")
	f.Add("class,mbps,to,from\ngold,1.5e2,b,a\n\n\"x\",3,\"c,d\",a\n")
	f.Add("\ufeff#\nfrom,to,gbps\r\na,b,NaN\na,a,-1\nx,y,1e999\n")
	topo := line(f)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ReadMatrix("m", strings.NewReader(text), topo)
		if err != nil {
			if n := strings.Count(err.Error(), "\n"); n > maxComplaints+1 {
				t.Errorf("%d complaints", n)
			}
			return
		}
		for i, d := range m.Demands {
			if d.BPS < 0 || d.BPS > maxDemand || d.From == d.To {
				t.Errorf("demand %+v", d)
			}
			if i > 0 {
				p := m.Demands[i-1]
				if slices.Compare([]string{p.From, p.To, p.Class}, []string{d.From, d.To, d.Class}) >= 0 {
					t.Errorf("%+v stands before %+v", p, d)
				}
			}
		}
		again, err := ReadMatrix("m", strings.NewReader(csvOf(m)), topo)
		if err != nil {
			t.Fatalf("written and read again: %v", err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("written and read again (-first +second):\n%s", diff)
		}
	})
}

func BenchmarkReadMatrix(b *testing.B) {
	topo := &Topology{}
	for i := range 1000 {
		topo.Routers = append(topo.Routers, Router{Name: fmt.Sprintf("r%d", i)})
		topo.Links = append(topo.Links, Link{Capacity: math.MaxInt32})
	}
	var text strings.Builder
	text.WriteString("from,to,mbps\n")
	for _, from := range topo.Routers {
		for _, to := range topo.Routers {
			if from.Name != to.Name {
				fmt.Fprintf(&text, "%s,%s,%d.5\n", from.Name, to.Name, len(from.Name)+len(to.Name))
			}
		}
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadMatrix("m", strings.NewReader(text.String()), topo); err != nil {
			b.Fatal(err)
		}
	}
}
