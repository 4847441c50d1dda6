# size_class.awk -- make the table of size classes, or print it with its waste.
#
# Steps of 8 bytes from 16 to 64, of 16 to 128, eight classes a doubling to 1 KiB, four above, up to
# 32 KiB. A span of a class is as many 32 KiB blocks as keep what is left at its end to an eighth,
# at most four.
#
#   awk -f size_class.awk            the C table
#   awk -v report=1 -f size_class.awk   for people: waste of each class

function add(size) { n++; slot[n] = size }

function shape(i,   b, left, best) {
    for (b = 1; b <= 4; b *= 2) {
        left = (b * BLOCK) % slot[i]
        if (left * 8 <= b * BLOCK && (b * BLOCK) / slot[i] >= 4) {
            blocks[i] = b
            slots[i] = int(b * BLOCK / slot[i])
            return
        }
    }
    blocks[i] = 4
    slots[i] = int(4 * BLOCK / slot[i])
}

BEGIN {
    BLOCK = 32768
    for (s = 16; s < 64; s += 8) add(s)
    for (s = 64; s <= 128; s += 16) add(s)
    for (base = 128; base < 1024; base *= 2)
        for (k = 1; k <= 8; k++) add(base + k * base / 8)
    for (base = 1024; base < 32768; base *= 2)
        for (k = 1; k <= 4; k++) add(base + k * base / 4)
    for (i = 1; i <= n; i++) shape(i)

    if (report) {
        printf "%5s %7s %6s %7s %10s %12s %13s\n", "class", "bytes", "span", "slots",
               "span waste", "worst object", "mean object"
        for (i = 1; i <= n; i++) {
            prev = i > 1 ? slot[i - 1] : 0
            left = blocks[i] * BLOCK - slots[i] * slot[i]
            worst = (slot[i] - prev - 1) / slot[i]
            mean = (slot[i] - (prev + 1 + slot[i]) / 2) / slot[i]
            printf "%5d %7d %5dK %7d %9.1f%% %11.1f%% %12.1f%%\n", i - 1, slot[i],
                   blocks[i] * BLOCK / 1024, slots[i], 100 * left / (blocks[i] * BLOCK),
                   100 * worst, 100 * mean
            span_sum += left / (blocks[i] * BLOCK)
            mean_sum += mean
        }
        printf "mean over classes: %.1f%% of a span at its end, %.1f%% of an object\n",
               100 * span_sum / n, 100 * mean_sum / n
        exit
    }

    print "/* Made by size_class.awk; see there. slot bytes, blocks a span, slots a span, and"
    print " * ceil(2^32 / slot bytes), by which an offset in the span becomes a slot number. */"
    printf "#define LULL__CLASSES %d\n", n
    print "#define LULL__CLASS_TABLE(X) \\"
    for (i = 1; i <= n; i++)
        printf "    X(%d, %d, %d, %dU)%s\n", slot[i], blocks[i], slots[i],
               int((4294967296 + slot[i] - 1) / slot[i]), i < n ? " \\" : ""
}
