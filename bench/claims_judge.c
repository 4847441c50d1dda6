/* claims_judge.c -- how a claim is judged.
 *
 * The articles give one figure without and one with, of programs that they show in part, mostly in
 * Go, on machines that they do not name. What can be carried over is the ratio, so that is what is
 * judged: by the interval of our own, on workloads of the same kind. */
#include "claims.h"

#define SHORTEST 1e-3 /* a figure of 0 counts as this part of what it was without */

const char *lab_verdict_name(lab_verdict verdict)
{
    static const char *const names[LAB_VERDICTS] = {
        [LAB_CONFIRMED] = "confirmed",     [LAB_LESS] = "refuted: less",
        [LAB_NONE] = "refuted: none",      [LAB_REVERSE] = "refuted: reverse",
        [LAB_NOISE] = "inside the noise",  [LAB_FEW] = "too few runs",
        [LAB_NOT_TOLD] = "cannot be told",
    };

    return names[verdict];
}

static lab_verdict judge(const lab_finding *finding)
{
    const lab_difference *d = &finding->difference;
    bool hits = finding->claim->lever == LAB_LEVER_HITS;
    double claimed = hits ? 0 : finding->claim->change;
    bool less = claimed < 0;
    bool real = lab_difference_is_real(d, hits ? -1 : finding->noise);

    if (finding->gone) {
        return less ? LAB_CONFIRMED : LAB_REVERSE;
    }
    if (!d->known) {
        return LAB_NOT_TOLD;
    }
    if (!d->has_interval) {
        return LAB_FEW;
    }
    if (real && !hits && (d->mean < 0) != less) {
        return LAB_REVERSE;
    }
    if (less ? d->low > claimed : d->high < claimed) {
        return real ? LAB_LESS : LAB_NONE;
    }
    return real ? LAB_CONFIRMED : LAB_NOISE;
}

void lab_claim_judge(lab_finding *finding, const double *without, double *with, size_t runs)
{
    lab_spread before = lab_sample_spread(without, runs), after = lab_sample_spread(with, runs);

    finding->figure[0] = before.count == 0 ? LAB_UNKNOWN : before.median;
    finding->figure[1] = after.count == 0 ? LAB_UNKNOWN : after.median;
    finding->gone = before.count > 0 && before.least > 0 && after.count > 0 && after.greatest == 0;
    for (size_t i = 0; i < runs; i++) {
        if (with[i] == 0 && without[i] > 0) {
            with[i] = without[i] * SHORTEST;
        }
    }
    finding->difference = lab_sample_compare(without, with, runs);
    finding->noise = lab_sample_noise(without, runs);
    finding->verdict = judge(finding);
}
