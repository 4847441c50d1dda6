// The JSON text that json works on: from a file, or made up. What is made up is byte for byte
// what bench/document.c writes for the same seed.

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

const (
	documentMax       = 64 << 20   // bytes of a text that is accepted
	documentStream    = 0x6a736f6e // of random numbers; no worker has it
	documentCustomers = 500
)

var (
	firstNames = []string{"Ada", "Björn", "Chloé", "Dmitri", "Eun-ji", "Fatima", "Günter", "Hana",
		"Inés", "Jonas", "Katya", "Liang"}
	lastNames = []string{"Okafor", "Müller", "Nguyễn", "Rossi", "O'Brien", "Sørensen", "García",
		"Haddad", "Ivanova", "Tanaka"}
	cities = []string{"Łódź", "Porto", "Zürich", "Kraków", "Malmö", "Leuven", "Tartu", "Brno"}
	words  = []string{"quiet", "copper", "lantern", "window", "river", "amber", "harbor", "spare",
		"folding", "walnut", "paper", "granite"}
	notes = []string{
		`prefers \"express\" delivery`,
		`path C:\\orders\\2026`,
		`line one\nline two\twith a tab`,
		`pays in \u20ac, not in \u00a3`,
		`caf\u00e9 around the corner, 2nd floor`,
		`no note`,
	}
)

type documentWriter struct {
	bytes.Buffer
	random random
}

func (d *documentWriter) put(format string, args ...interface{}) {
	fmt.Fprintf(d, format, args...)
}

func (d *documentWriter) draw(bound uint32) uint32 {
	return d.random.below(bound)
}

func (d *documentWriter) pick(texts []string) string {
	return texts[d.draw(uint32(len(texts)))]
}

// boolean draws true in all but one of `bound` cases.
func (d *documentWriter) boolean(bound uint32) bool {
	return d.draw(bound) != 0
}

func (d *documentWriter) putDate() {
	month, day := 1+d.draw(12), 1+d.draw(28)
	hour, minute, second := d.draw(24), d.draw(60), d.draw(60)
	d.put(`"2026-%02d-%02dT%02d:%02d:%02dZ"`, month, day, hour, minute, second)
}

func (d *documentWriter) putOrder() {
	lines := 1 + d.draw(5)
	d.put(`{"order": %d, "placed": `, 100000+d.draw(900000))
	d.putDate()
	d.put(`, "paid": %t, "lines": [`, d.boolean(4))
	for i := uint32(0); i < lines; i++ {
		if i > 0 {
			d.put(", ")
		}
		first, second := d.pick(words), d.pick(words)
		quantity, price := 1+d.draw(9), d.draw(100000)
		d.put(`{"article": "%s %s", "quantity": %d, "price": %d.%02d}`, first, second, quantity,
			price/100, price%100)
	}
	d.put("]}")
}

func (d *documentWriter) putAddress() {
	street, city := d.pick(words), d.pick(cities)
	number, code := 1+d.draw(200), 10000+d.draw(90000)
	north, east := d.draw(60000), d.draw(60000)
	d.put(`"address": {"street": "%s street %d", "code": "%d", "city": "%s", `, street, number,
		code, city)
	d.put("\"position\": [%d.%04d, -%d.%04d]},\n  ", north/1000, north%10000, east/1000,
		east%10000)
}

func (d *documentWriter) putCustomer(id uint32) {
	first, last := d.pick(firstNames), d.pick(lastNames)
	balance, tags, orders := d.draw(10000000), d.draw(5), d.draw(4)
	d.put(" {\"id\": %d, \"name\": \"%s %s\", \"email\": \"customer%d@example.org\",\n  ", id,
		first, last, id)
	sign := "-"
	if d.boolean(5) {
		sign = ""
	}
	d.put(`"balance": %s%d.%02d, "active": %t, "referrer": `, sign, balance/100, balance%100,
		d.boolean(3))
	if id > 1 && !d.boolean(2) {
		d.put("%d,\n  ", 1+d.draw(id-1))
	} else {
		d.put("null,\n  ")
	}
	d.putAddress()
	d.put(`"note": "%s", "tags": [`, d.pick(notes))
	for i := uint32(0); i < tags; i++ {
		if i > 0 {
			d.put(", ")
		}
		d.put(`"%s"`, d.pick(words))
	}
	d.put("],\n  \"orders\": [")
	for i := uint32(0); i < orders; i++ {
		if i > 0 {
			d.put(",")
		}
		d.put("\n   ")
		d.putOrder()
	}
	d.put("]}")
}

func makeUpDocument(seed uint64) []byte {
	d := &documentWriter{random: randomStream(seed, documentStream)}
	d.put("{\"version\": 3, \"complete\": true, \"customers\": [\n")
	for id := uint32(1); id <= documentCustomers; id++ {
		d.putCustomer(id)
		if id < documentCustomers {
			d.put(",")
		}
		d.put("\n")
	}
	d.put("]}\n")
	return d.Bytes()
}

// getDocument reads c.input, or makes a document up where that is empty.
func getDocument(c *config) ([]byte, error) {
	if c.input == "" {
		return makeUpDocument(c.seed), nil
	}
	file, err := os.Open(c.input)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, documentMax+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) == 0:
		return nil, fmt.Errorf("%s is empty; a JSON document is needed", c.input)
	case len(text) > documentMax:
		return nil, fmt.Errorf("%s is larger than %d MiB", c.input, documentMax>>20)
	}
	return text, nil
}
