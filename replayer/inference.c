/* Inference: see inference.h. */
#include "replayer/inference.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "replayer/statistics.h"

enum {
    EXACT_MAX = 40, /* values of both samples together up to which p is exact; the counts stay below 2^53 */
    MODES_LEAST = 10, MODE_LEAST = 3,
};
/* Distance of two groups' means over their common deviation from which they are two modes. A sample of one mode (normal, uniform,
   lognormal, exponential) is cut in two so far apart in about 1 % of samples of 10, and hardly ever in larger ones. */
#define MODES_DISTANCE 7.0

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct ranked {
    double value;
    size_t place;  /* in the order given */
    unsigned rank; /* twice the mid-rank from 1: a whole number with ties too */
};

static int by_ranked_value(const void *a, const void *b)
{
    return by_value(&((const struct ranked *)a)->value, &((const struct ranked *)b)->value);
}

/* Sorts, gives ranks; returns the sum of t^3 - t over groups of ties. */
static double rank(struct ranked *all, size_t count)
{
    double ties = 0;
    qsort(all, count, sizeof *all, by_ranked_value);
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && all[next].value == all[i].value; next++)
            ;
        double same = (double)(next - i);
        ties += same * same * same - same;
        for (size_t j = i; j < next; j++)
            all[j].rank = (unsigned)(i + next + 1);
    }
    return ties;
}

/* In how many ways n of the ranks (twice mid-ranks) have each sum: an array of *sums numbers, the caller's to free. Adds one rank
   after the other to all choices so far. */
static double *count_sums(const struct ranked *all, size_t count, size_t n, size_t *sums)
{
    *sums = count * (count + 1) + 1;
    double *ways = calloc((n + 1) * *sums, sizeof *ways);
    if (!ways)
        return NULL;
    ways[0] = 1;
    size_t reached = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i < n ? i : n - 1; k + 1 > 0; k--)
            for (size_t sum = 0; sum <= reached; sum++)
                ways[(k + 1) * *sums + sum + all[i].rank] += ways[k * *sums + sum];
        reached += all[i].rank;
    }
    memmove(ways, ways + n * *sums, *sums * sizeof *ways);
    return ways;
}

static double exact_p(const struct ranked *all, size_t count, size_t n, size_t sum)
{
    size_t sums;
    double *ways = count_sums(all, count, n, &sums);
    if (!ways)
        return 1;
    double below = 0, above = 0, every = 0;
    for (size_t s = 0; s < sums; s++) {
        every += ways[s];
        below += s <= sum ? ways[s] : 0;
        above += s >= sum ? ways[s] : 0;
    }
    free(ways);
    return fmin(1, 2 * fmin(below, above) / every);
}

static double normal_p(double u, double n, double m, double ties)
{
    double all = n + m;
    double deviation = sqrt(n * m / 12 * (all + 1 - ties / (all * (all - 1))));
    if (!(deviation > 0))
        return 1;
    double distance = fabs(u - n * m / 2) - 0.5;
    return distance <= 0 ? 1 : erfc(distance / deviation / sqrt(2));
}

double replay_mann_whitney(const double *a, size_t n, const double *b, size_t m)
{
    struct ranked *all = n && m ? calloc(n + m, sizeof *all) : NULL;
    if (!all)
        return 1;
    for (size_t i = 0; i < n + m; i++)
        all[i] = (struct ranked){.value = i < n ? a[i] : b[i - n], .place = i};
    double ties = rank(all, n + m);
    uint64_t sum = 0;
    for (size_t i = 0; i < n + m; i++)
        sum += all[i].place < n ? all[i].rank : 0;
    double p = n + m <= EXACT_MAX ? exact_p(all, n + m, n, sum)
                                  : normal_p((double)(sum - (uint64_t)n * (n + 1)) / 2, (double)n, (double)m, ties);
    free(all);
    return p;
}

double replay_least_p(size_t n, size_t m)
{
    double ways = lgamma((double)(n + m) + 1) - lgamma((double)n + 1) - lgamma((double)m + 1);
    return n && m ? fmin(1, 2 * exp(-ways)) : 1;
}

struct tested {
    double p;
    size_t place;
};

static int by_p(const void *a, const void *b)
{
    return by_value(&((const struct tested *)a)->p, &((const struct tested *)b)->p);
}

int replay_holm(const double *p, size_t count, double *corrected)
{
    struct tested *sorted = calloc(count + 1, sizeof *sorted);
    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct tested){p[i], i};
    qsort(sorted, count, sizeof *sorted, by_p);
    double highest = 0;
    for (size_t i = 0; i < count; i++) {
        highest = fmax(highest, fmin(1, sorted[i].p * (double)(count - i)));
        corrected[sorted[i].place] = highest;
    }
    free(sorted);
    return 0;
}

struct replay_interval replay_median_interval(const double *sorted, size_t count)
{
    /* How many values at each end may be left out: P(Binomial(count, 1/2) < cut) is at most half of what is not covered. */
    double below = 0, n = (double)count;
    size_t cut = 0;
    for (; cut < count / 2; cut++) {
        double k = (double)cut;
        below += exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) - n * log(2));
        if (below > (1 - REPLAY_CONFIDENCE) / 2)
            break;
    }
    return cut ? (struct replay_interval){sorted[cut - 1], sorted[count - cut]} : (struct replay_interval){NAN, NAN};
}

/* The largest U whose lower tail is at most half of what an interval does not cover, plus one: so many differences are cut off at
   each end. */
static size_t critical_pairs(size_t n, size_t m)
{
    if (n + m > EXACT_MAX) {
        double deviation = sqrt((double)n * (double)m * (double)(n + m + 1) / 12);
        double cut = floor((double)n * (double)m / 2 - 1.959963984540054 * deviation);
        return cut > 0 ? (size_t)cut : 0;
    }
    struct ranked all[EXACT_MAX];
    size_t sums, cut = 0;
    for (size_t i = 0; i < n + m; i++)
        all[i] = (struct ranked){.value = (double)i, .rank = 2 * ((unsigned)i + 1)};
    double *ways = count_sums(all, n + m, n, &sums);
    double below = 0, every = exp(lgamma((double)(n + m) + 1) - lgamma((double)n + 1) - lgamma((double)m + 1));
    for (; ways && cut <= n * m; cut++) {
        below += ways[n * (n + 1) + 2 * cut];
        if (below / every > (1 - REPLAY_CONFIDENCE) / 2)
            break;
    }
    free(ways);
    return cut;
}

/* How many of the differences b - a are at most x. */
static uint64_t pairs_within(const double *a, size_t n, const double *b, size_t m, double x)
{
    uint64_t pairs = 0;
    for (size_t i = 0, j = 0; i < n; i++) {
        while (j < m && b[j] - a[i] <= x)
            j++;
        pairs += j;
    }
    return pairs;
}

/* The k-th smallest difference, from 1: by halving, as there are n * m of them. */
static double nth_difference(const double *a, size_t n, const double *b, size_t m, uint64_t k)
{
    double low = b[0] - a[n - 1], high = b[m - 1] - a[0];
    if (pairs_within(a, n, b, m, low) >= k)
        return low;
    for (int step = 0; step < 200; step++) {
        double middle = low + (high - low) / 2;
        if (!(middle > low && middle < high))
            break;
        if (pairs_within(a, n, b, m, middle) >= k)
            high = middle;
        else
            low = middle;
    }
    return high;
}

struct replay_interval replay_shift_interval(const double *a, size_t n, const double *b, size_t m)
{
    size_t cut = n && m ? critical_pairs(n, m) : 0;
    if (!cut)
        return (struct replay_interval){NAN, NAN};
    return (struct replay_interval){nth_difference(a, n, b, m, cut), nth_difference(a, n, b, m, (uint64_t)n * m - cut + 1)};
}

bool replay_is_outlier(const double *sorted, size_t count, double value)
{
    double low = replay_quantile(sorted, count, 0.25), high = replay_quantile(sorted, count, 0.75);
    return count >= 4 && (value > high + 3 * (high - low) || value < low - 3 * (high - low));
}

double replay_trend_p(const double *values, size_t count)
{
    struct ranked *all = count >= 4 ? calloc(count, sizeof *all) : NULL;
    if (!all)
        return 1;
    for (size_t i = 0; i < count; i++)
        all[i] = (struct ranked){.value = values[i], .place = i};
    rank(all, count);
    double middle = ((double)count + 1) / 2, both = 0, ranks = 0, places = 0;
    for (size_t i = 0; i < count; i++) {
        double r = (double)all[i].rank / 2 - middle, p = (double)(all[i].place + 1) - middle;
        both += r * p;
        ranks += r * r;
        places += p * p;
    }
    free(all);
    return ranks > 0 ? erfc(fabs(both / sqrt(ranks * places)) * sqrt((double)count - 1) / sqrt(2)) : 1;
}

struct replay_modes replay_modes_of(const double *sorted, size_t count)
{
    struct replay_modes modes = {0};
    double sum = 0, squares = 0, best = MODES_DISTANCE, n = (double)count, low_sum = 0;
    size_t least = (count + 4) / 5 > MODE_LEAST ? (count + 4) / 5 : MODE_LEAST, split = 0;
    for (size_t i = 0; i < count; i++)
        sum += sorted[i] - sorted[0];
    for (size_t i = 0; i < count; i++)
        squares += pow(sorted[i] - sorted[0] - sum / n, 2);
    for (size_t k = 1; count >= MODES_LEAST && k <= count - least; k++) {
        low_sum += sorted[k - 1] - sorted[0];
        if (k < least)
            continue;
        double distance = (sum - low_sum) / (n - (double)k) - low_sum / (double)k;
        double within = fmax(0, squares - distance * distance * (double)k * (n - (double)k) / n);
        if (distance > best * sqrt(within / (n - 2)) && sorted[k] > sorted[k - 1]) {
            best = distance / fmax(sqrt(within / (n - 2)), distance * 1e-9);
            split = k;
        }
    }
    if (split)
        modes = (struct replay_modes){.low = replay_quantile(sorted, split, 0.5), .low_count = split,
                                      .high = replay_quantile(sorted + split, count - split, 0.5), .high_count = count - split};
    return modes;
}
