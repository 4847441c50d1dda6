/* format.c -- the figures of format.h. */
#include "format.h"

#include <math.h>
#include <string.h>

/* Three digits: 1.23, 12.3, 123. */
static int digits_after(double value)
{
    return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

struct unit {
    double size;
    const char *name;
};

static const struct unit rate_units[] = {
    {1e9, " G/s"}, {1e6, " M/s"}, {1e3, " k/s"}, {1, " /s"}, {0, NULL}};

/* In the largest unit that leaves at least 1; units from the largest to the smallest. */
static const char *in_units(char *text, double value, const struct unit *unit)
{
    while (unit[1].name != NULL && value < unit->size * 0.9995) {
        unit++;
    }
    value /= unit->size;
    if (value == floor(value) && value < 1000 && unit->size <= 1) {
        snprintf(text, LAB_FIGURE, "%.0f%s", value, unit->name);
    } else {
        snprintf(text, LAB_FIGURE, "%.*f%s", digits_after(value), value, unit->name);
    }
    return text;
}

static const char *unknown(char *text)
{
    return strcpy(text, "-");
}

const char *lab_format_time(char *text, const lab_style *style, double ns)
{
    const struct unit units[] = {
        {1e9, " s"}, {1e6, " ms"}, {1e3, style->utf8 ? " µs" : " us"}, {1, " ns"}, {0, NULL}};

    if (ns == 0) {
        return strcpy(text, "0");
    }
    return ns < 0 ? unknown(text) : in_units(text, ns, units);
}

const char *lab_format_count(char *text, double count)
{
    static const struct unit units[] = {{1e9, " G"}, {1e6, " M"}, {1e3, " k"}, {1, ""}, {0, NULL}};

    if (count >= 0 && count < 100000) {
        snprintf(text, LAB_FIGURE, "%.0f", count);
        return text;
    }
    return count < 0 ? unknown(text) : in_units(text, count, units);
}

const char *lab_format_rate(char *text, double per_s)
{
    return per_s < 0 ? unknown(text) : in_units(text, per_s, rate_units);
}

const char *lab_format_bytes(char *text, double bytes)
{
    static const struct unit units[] = {
        {0x1p30, " GiB"}, {0x1p20, " MiB"}, {0x1p10, " KiB"}, {1, " B"}, {0, NULL}};

    return bytes < 0 ? unknown(text) : in_units(text, bytes, units);
}

const char *lab_format_share(char *text, double share)
{
    double percent = share * 100;

    if (share < 0) {
        return unknown(text);
    }
    /* What is not all is not shown as all. */
    if (percent < 100 && percent >= 99.95) {
        snprintf(text, LAB_FIGURE, ">99.9 %%");
    } else {
        snprintf(text, LAB_FIGURE, "%.*f %%", percent >= 99.95 ? 0 : 1, percent);
    }
    return text;
}

const char *lab_format_change(char *text, const lab_style *style, double change)
{
    double percent = fabs(change) * 100;
    const char *blank = style->utf8 ? "\u00a0" : " ";

    if (change >= 2) {
        snprintf(text, LAB_FIGURE, "%s%.*f", style->utf8 ? "×" : "x", change < 9 ? 1 : 0,
                 change + 1);
    } else {
        snprintf(text, LAB_FIGURE, "%s%.*f%s%%", change < 0 ? (style->utf8 ? "−" : "-") : "+",
                 percent < 9.95 ? 1 : 0, percent, blank);
    }
    return text;
}

const char *lab_format_rates(char *text, const lab_style *style, double least, double greatest)
{
    const struct unit *unit = rate_units;

    while (unit[1].name != NULL && greatest < unit->size * 0.9995) {
        unit++;
    }
    least /= unit->size;
    greatest /= unit->size;
    snprintf(text, LAB_FIGURE, "%.*f%s%.*f%s", digits_after(greatest), least,
             style->utf8 ? "–" : "-", digits_after(greatest), greatest, unit->name);
    return text;
}
