package incident

import (
	"encoding/json"
	"fmt"
	"os"
)

func init() {
	debugDump = func(s *simulation) {
		if os.Getenv("SIMDUMP") == "" {
			return
		}
		for n, c := range s.commits {
			for _, r := range c.Records {
				raw, _ := json.Marshal(r.Body)
				if len(raw) > 260 {
					raw = raw[:260]
				}
				fmt.Printf("#%d +%s %s %s %s %s\n", n+1, c.At.Sub(testStart), c.By, r.Incident, r.Body.Kind(), raw)
			}
		}
	}
}
