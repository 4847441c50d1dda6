// json: a JSON document is parsed and printed by encoding/json. The last few documents are kept,
// as a service keeps what it is working on.

package main

import (
	"encoding/json"
	"errors"
	"math"
	"time"
	"unicode/utf8"
)

const (
	jsonTextBytes = 64 << 20 // parsed in all at scale 100, by all workers together
	jsonLeast     = 4        // documents
	jsonKept      = 4        // documents, by each worker
)

func textSum(text string) uint64 {
	sum := uint64(0xcbf29ce484222325) // FNV-1a
	for i := 0; i < len(text); i++ {
		sum = (sum ^ uint64(text[i])) * 0x100000001b3
	}
	return sum
}

// documentSum is a sum over a whole document. The order of an object's members has no say in it:
// other libraries keep another one.
func documentSum(value interface{}) uint64 {
	var sum uint64
	switch v := value.(type) {
	case map[string]interface{}:
		for key, member := range v {
			sum += mix(textSum(key), documentSum(member))
		}
		return mix(1, sum)
	case []interface{}:
		sum = uint64(len(v))
		for _, member := range v {
			sum = mix(sum, documentSum(member))
		}
		return mix(2, sum)
	case string:
		return mix(3, textSum(v))
	case float64:
		return mix(4, math.Float64bits(v+0)) // there is one zero
	case bool:
		if v {
			return 5
		}
		return 6
	}
	return 7
}

// parseAndPrint returns the parsed document and the size of its printing.
func parseAndPrint(text []byte) (interface{}, int, error) {
	var document interface{}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, 0, err
	}
	printed, err := json.Marshal(document)
	return document, len(printed), err
}

func init() { register("json", runJSON) }

func runJSON(c *config, m *meter) (*result, error) {
	text, err := getDocument(c)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, errors.New("no JSON: the text is not UTF-8")
	}
	_, size, err := parseAndPrint(text)
	if err != nil {
		return nil, err
	}
	count := c.scaled(jsonTextBytes, 1) / uint64(len(text))
	if count < jsonLeast {
		count = jsonLeast
	}
	m.start()
	r, err := runWorkers(c, func(w *worker) error {
		var kept [jsonKept]interface{}
		w.ops = w.share(count)
		for i := uint64(0); i < w.ops; i++ {
			begin := time.Now()
			place := &kept[i%jsonKept]
			if *place != nil {
				w.checksum += documentSum(*place)
			}
			document, printed, err := parseAndPrint(text)
			if err != nil || printed != size {
				return errors.New("a document was not printed as the first one")
			}
			*place = document
			w.timed(uint64(time.Since(begin)))
		}
		for i := uint64(0); i < jsonKept && i < w.ops; i++ {
			w.checksum += documentSum(kept[i])
		}
		return nil
	})
	m.stop()
	return r, err
}
